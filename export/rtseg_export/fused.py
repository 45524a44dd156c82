"""The fused graph for CUDA: uint8 frame in, uint8 composite out, with the network and all pixel work in between.

Only what a GPU must be sent crosses the bus: the frame, and a background when it changes. The steps and their
constants are those of the CPU's way (rtseg/paths/cpu.py), so that both give the same pictures; on a CPU this graph
is several times slower than OpenCV around the network.
"""

from __future__ import annotations

import onnx
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.export import Dim

from rtseg.frames import MAX_SIDE
from rtseg.models.fused import INPUTS, NO_PICTURE, OUTPUTS
from rtseg.pixels.blur import BLUR_HEIGHT, FILLER, NEARBY, WIDE
from rtseg.pixels.colours import NEAR
from rtseg.pixels.compiled import LUMA
from rtseg.pixels.geometry import STRIDE
from rtseg.pixels.light import LIT, MOST
from rtseg.pixels.matte import AROUND, CUT, MOVED, STILL
from rtseg_export.fused_matte import box, fit_coefficients, remembered, sharper, steadied, without_specks
from rtseg_export.graph import NETWORK_SIDE, trace

NOISE_SIGMA, NOISE_RADIUS = 1.0, 4  # pixels at network size; cv2.GaussianBlur's own radius for this sigma
BLUR_RADIUS = 33  # pixels at half the network's size: three sigmas of the strongest blur at 160 lines
LEAST_SIGMA = 0.3  # pixels there: next to no blur


class Fused(nn.Module):
    """Base of both graphs. State: what the network said of the last frame, and that frame in grey.

    Inputs: frame_bgr uint8 1xHxWx3; the effect's own; edge float32 3, see rtseg/pixels/edge.py; previous_alpha and
    previous_grey float32 1x1xhxw, h and w the network's size (any multiples of 32). A previous_grey far from 0..1,
    such as all 9, makes this the first frame.

    Outputs: composite uint8 1xHxWx3; alpha and grey, the next frame's state; fit float32 1x4x(h/2)x(w/2), the edge
    filter's coefficients (alpha at frame size is clip(slopes * colours + constant), all upsampled linearly); extent
    float32 3, alpha's least, greatest and mean: not finite or outside 0..1 means that the composite must not be shown.

    levels: what whole frames are reckoned in; float16 holds 0..255 to an eighth or better, in half of the bytes.
    """

    luma: Tensor
    ones: Tensor
    noise: Tensor

    def __init__(self, net: nn.Module, levels: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.net, self.levels = net, levels
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1))
        self.register_buffer("ones", torch.ones(1, 3, 1, 1))
        self.register_buffer("noise", gaussian(torch.tensor(NOISE_SIGMA), NOISE_RADIUS))

    def person(self, frame: Tensor, previous_alpha: Tensor, previous_grey: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(small, grey, alpha) at network size of a frame uint8 1x3xHxW; see rtseg/pixels/matte.py."""
        size = previous_alpha.shape[2:]
        small = F.interpolate(frame, size=size, mode="bilinear", align_corners=False, antialias=True).float()
        grey = F.conv2d(small, self.luma)
        difference = grey - previous_grey
        moved = box(convolved(difference, self.noise, "reflect").abs(), AROUND // 2)
        moved = torch.where(difference.abs().mean() <= CUT, moved, 1.0)  # after a cut all has moved
        rates = torch.tensor([1 / MOVED, 1 / STILL]).view(1, 2, 1, 1)
        slow, still = torch.split((2 - moved * rates).clamp(0, 1), 1, 1)
        sure = sharper(previous_alpha)
        alpha = torch.sigmoid(self.net(brightened(small).permute(0, 2, 3, 1), remembered(sure, slow)))
        return small, grey, steadied(alpha, previous_alpha, sure, still)

    def blend(self, frame: Tensor, room: Tensor, fit: Tensor, step: Tensor | None) -> Tensor:
        """The composite, uint8 1xHxWx3, see rtseg/pixels/composite.py.

        frame, room: 1x3xHxW, of any type; fit: of `fit_coefficients`; step: of `rim_step`, or None. Every step here
        goes over the whole frame and the GPU does little else, so there are as few as can be, on as few bytes: all is
        of `levels`, what is needed apart is enlarged apart rather than cut apart later, and what lies between frame and
        room needs no clamp.
        """
        frame, room = frame.to(self.levels), room.to(self.levels)
        slopes, constant = (enlarged(x, frame) for x in torch.split(fit.to(self.levels), [3, 1], 1))
        share = (F.conv2d(frame * slopes, self.ones.to(self.levels)) + constant).clamp(0, 1)  # a sum would go by fp32
        person = frame
        if step is not None:
            person = (frame + (1 - share) * enlarged(step.to(self.levels), frame)).clamp(0, 255)
        composite = room + share * (person - room)
        return composite.round().to(torch.uint8).permute(0, 2, 3, 1)


class FusedPicture(Fused):
    """The person before `background`, uint8 1xHxWx3 of the frame's size."""

    def forward(
        self, frame_bgr: Tensor, background: Tensor, edge: Tensor, previous_alpha: Tensor, previous_grey: Tensor
    ) -> tuple[Tensor, ...]:
        frame = planes(frame_bgr)
        small, grey, alpha = self.person(frame, previous_alpha, previous_grey)
        shift, feather, percent = torch.split(edge, 1)
        shown = without_specks(alpha, percent)
        fit, step = fit_coefficients(small, shown, shift, feather), rim_step(apart(small, shown))
        composite = self.blend(frame, planes(background), fit, step)
        return composite, alpha, grey, fit, extent(alpha)


class FusedBlur(Fused):
    """The person before the room, blurred with strength `blur`, float32 of no dimensions, 1..100."""

    def forward(
        self, frame_bgr: Tensor, blur: Tensor, edge: Tensor, previous_alpha: Tensor, previous_grey: Tensor
    ) -> tuple[Tensor, ...]:
        frame = planes(frame_bgr)
        small, grey, alpha = self.person(frame, previous_alpha, previous_grey)
        shift, feather, percent = torch.split(edge, 1)
        shown = without_specks(alpha, percent)
        fit, room = fit_coefficients(small, shown, shift, feather), blurred_room(room_of(small, shown), blur)
        composite = self.blend(frame, enlarged(room.to(self.levels), frame), fit, None)
        return composite, alpha, grey, fit, extent(alpha)


GRAPHS = {"picture": FusedPicture, "blur": FusedBlur}


def fused_graph(net: nn.Module, effect: str, static: tuple[int, int] | None = None) -> onnx.ModelProto:
    """The ONNX graph of a net (batch norm folded) with the pixel work of an effect, "picture" or "blur", around it.

    Frames may have any size; so may the network, in steps of 32, or it has the size `static`, (width, height).
    Raises ExportError.
    """
    wide, high = static or (5 * STRIDE, 3 * STRIDE)  # sides that differ, so that export can't take them for one
    frame = torch.zeros(1, 2 * high + 2, 2 * wide + 4, 3, dtype=torch.uint8)
    examples = {
        "frame_bgr": frame,
        "background": frame.clone(),  # the same tensor twice would become one input
        "blur": torch.tensor(20.0),
        "edge": torch.zeros(3),
        "previous_alpha": torch.zeros(1, 1, high, wide),
        "previous_grey": torch.full((1, 1, high, wide), NO_PICTURE),
    }
    sides = {1: Dim("height", min=2, max=MAX_SIDE), 2: Dim("width", min=2, max=MAX_SIDE)}
    h, w = (STRIDE * Dim(name, min=1, max=NETWORK_SIDE // STRIDE) for name in ("h", "w"))
    network = {} if static else {2: h, 3: w}
    free = {
        "frame_bgr": sides,
        "background": sides,
        "blur": {},
        "edge": {},
        "previous_alpha": network,
        "previous_grey": network,
    }
    names = list(INPUTS[effect])
    inputs = {name: examples[name] for name in names}
    levels = next((weight.dtype for weight in net.parameters()), torch.float32)
    return trace(GRAPHS[effect](net, levels), inputs, OUTPUTS, {name: free[name] for name in names})


def planes(picture: Tensor) -> Tensor:
    """uint8 1x3xHxW of uint8 1xHxWx3."""
    return picture.permute(0, 3, 1, 2)


def brightened(small: Tensor) -> Tensor:
    """What the network sees of a frame float32 1x3xhxw in 0..255: see rtseg/pixels/light.py."""
    gain = (255 * LIT * (small * small).mean().rsqrt()).clamp(1.0, MOST)
    return (small * gain).clamp(max=255.0)


def extent(alpha: Tensor) -> Tensor:
    """float32 3: least, greatest and mean; the mean because minima and maxima may pass over NaN."""
    alpha = alpha.flatten()
    return torch.cat([alpha.amin(0, keepdim=True), alpha.amax(0, keepdim=True), alpha.mean(0, keepdim=True)])


def gaussian(sigma: Tensor, radius: int) -> Tensor:
    """float32 of 2 * radius + 1 weights that sum to 1."""
    x = torch.arange(-radius, radius + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (x / sigma) ** 2)
    return weights / weights.sum()


def convolved(x: Tensor, kernel: Tensor, border: str) -> Tensor:
    """Each channel of NxCxHxW with a kernel in both directions. border: as `mode` of F.pad."""
    radius, channels = kernel.shape[0] // 2, x.shape[1]
    x = F.pad(x, (radius,) * 4, mode=border)
    down = kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    return F.conv2d(F.conv2d(x, down, groups=channels), down.transpose(2, 3), groups=channels)


def enlarged(x: Tensor, frame: Tensor) -> Tensor:
    """Linear, to the frame's size."""
    return F.interpolate(x, size=frame.shape[2:], mode="bilinear", align_corners=False)


def room_of(small: Tensor, alpha: Tensor) -> Tensor:
    """What is surely room, 1x4x(h/2)x(w/2): colours times weight, and weight; see rtseg/pixels/colours.py."""
    return weighed(small, 1 - 4 * F.max_pool2d(alpha, 4, stride=2, padding=1))


def apart(small: Tensor, alpha: Tensor) -> Tensor:
    """The same of the person and of the room, 2x4x(h/2)x(w/2)."""
    greatest = F.max_pool2d(torch.cat([-alpha, alpha]), 4, stride=2, padding=1)
    return weighed(small, torch.tensor([-3.0, 1.0]).view(2, 1, 1, 1) - 4 * greatest)


def weighed(small: Tensor, weight: Tensor) -> Tensor:
    """Colours of small, at half its size, times each weight, clamped to 0..1, and that weight."""
    weight = weight.clamp(0, 1)
    return torch.cat([F.avg_pool2d(small, 2) * weight, weight], 1)


def rim_step(parts: Tensor) -> Tensor:
    """Person's colour minus room's, 1x3x(h/4)x(w/4), of `apart`; see rtseg/pixels/colours.py (after Forte 2021)."""
    blocks = F.pad(F.pad(F.avg_pool2d(parts, 2), (1, 1, 0, 0), mode="replicate"), (0, 0, 1, 1))
    colours, weights = torch.split(F.avg_pool2d(blocks, 3, stride=1), [3, 1], 1)
    (inside, outside), (p, r) = torch.split(colours, 1), torch.split(weights, 1)
    return (inside * r - outside * p) / ((p + NEAR) * (r + NEAR))


def blurred_room(room: Tensor, blur: Tensor) -> Tensor:
    """The room without the person, 1x3x(h/2)x(w/2): normalised convolution (Knutsson & Westin 1993)."""
    sigma = (blur * room.shape[2] / BLUR_HEIGHT).clamp(min=LEAST_SIGMA)
    seen = room.mean((2, 3), keepdim=True)
    near = convolved(room, gaussian(sigma, BLUR_RADIUS), "replicate")
    around = convolved(room, gaussian(torch.tensor(WIDE), round(3 * WIDE)), "replicate")
    near = near + torch.where(sigma < WIDE, NEARBY, 0.0) * around
    return (near[:, :3] + FILLER * seen[:, :3] / (seen[:, 3:] + 1e-6)) / (near[:, 3:] + FILLER)
