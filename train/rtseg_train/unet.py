"""The webcam nets: UNets on an EfficientNet-Lite0 encoder that take camera frames as they are.

Input is what the camera gives (uint8 BGR, channels last) plus the previous frame's alpha; channel order
and normalisation live inside the net, so that training, export and runtime can't disagree about them.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from rtseg.errors import DataError

# EfficientNet-Lite0 (Tan & Le 2019; Lite: Google, tensorflow/tpu): kernel, stride, expand, out channels, repeats.
LITE0_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
)  # the seventh stage (320 channels) served the classifier and is left out
SKIP_STAGES = (0, 1, 2, 4)  # outputs at 1/2, 1/4, 1/8, 1/16 of the input
BN_EPS, BN_MOMENTUM = 1e-3, 0.01  # what the pretrained weights were made with
LEVELS = 64  # of int8 weights on each side of 0: 7 bits, see rtseg_export/quantise.py


class ConvBN(nn.Module):
    """Convolution with TensorFlow SAME padding, batch norm and (unless linear) ReLU6."""

    def __init__(
        self, cin: int, cout: int, kernel: int, stride: int = 1, groups: int = 1, linear: bool = False
    ) -> None:
        super().__init__()
        # For stride 2 and an even size TensorFlow pads one pixel more at the bottom and right. Another one, which does
        # nothing there, keeps an odd size's last row.
        low = (kernel - stride) // 2
        self.pad = (low, kernel - stride - low + (kernel > stride)) if stride > 1 else None
        padding = 0 if self.pad else kernel // 2
        self.conv = nn.Conv2d(cin, cout, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(cout, eps=BN_EPS, momentum=BN_MOMENTUM)
        self.linear = linear
        self.rounds = False  # computes with its weights as an int8 file has them; see `rounded`

    def forward(self, x: Tensor) -> Tensor:
        if self.pad:
            x = F.pad(x, (*self.pad, *self.pad))
        if self.rounds:
            c = self.conv
            x = F.conv2d(x, rounded(c.weight), None, c.stride, c.padding, c.dilation, c.groups)
        else:
            x = self.conv(x)
        x = self.bn(x)
        # In place it saves memory; traced so, an export would take a third longer.
        return x if self.linear else F.relu6(x, inplace=self.training)


def rounded(weight: Tensor) -> Tensor:
    """A convolution's weights on the levels that an int8 file gives them: 7 bits for each output channel.

    Gradients pass as if nothing were rounded (straight-through estimator, Bengio et al. 2013). Folding the batch norm
    scales a whole channel, which changes nothing here.
    """
    step = weight.detach().abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12) / LEVELS
    return weight + ((weight / step).round() * step - weight).detach()


class MBConv(nn.Module):
    """Inverted residual block (Sandler et al. 2018), no squeeze-excite."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        mid = cin * expand
        if expand > 1:
            self.expand = ConvBN(cin, mid, 1)
        self.has_expand = expand > 1
        self.dw = ConvBN(mid, mid, kernel, stride, groups=mid)
        self.project = ConvBN(mid, cout, 1, linear=True)
        self.residual = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.expand(x) if self.has_expand else x
        y = self.project(self.dw(y))
        return x + y if self.residual else y


class Lite0Encoder(nn.Module):
    """EfficientNet-Lite0 without its head; gives features at 1/2, 1/4, 1/8, 1/16 and 1/32.

    Stages keep their first `max_repeats` blocks: those that repeat are residual, a net does without the last ones.
    """

    def __init__(self, in_channels: int = 4, max_repeats: int = 4) -> None:
        super().__init__()
        self.stem = ConvBN(in_channels, 32, 3, stride=2)
        stages, cin = [], 32
        for kernel, stride, expand, cout, repeats in LITE0_STAGES:
            blocks = []
            for i in range(min(repeats, max_repeats)):
                blocks.append(MBConv(cin, cout, kernel, stride if i == 0 else 1, expand))
                cin = cout
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        features = []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in SKIP_STAGES:
                features.append(x)
        return [*features, x]

    def load_pretrained(self, path: Path) -> None:
        """Load ImageNet weights (RGB stem of 3 channels); the previous-alpha channel starts at zero.

        Raises DataError when a tensor is missing or has another shape.
        """
        try:
            state = load_file(path)
        except Exception as e:
            raise DataError(f"cannot read encoder weights {path}: {e}") from e
        state = {name: value.float() for name, value in state.items()}
        stem = state.get("stem.conv.weight")
        if stem is None or stem.shape[1] != 3:
            raise DataError(f"{path} is not a Lite0 encoder: no 3-channel stem.conv.weight in it")
        wide = torch.zeros(len(stem), self.stem.conv.in_channels, 3, 3)
        wide[:, :3] = stem.flip(1)  # the weights expect RGB, our frames are BGR
        state["stem.conv.weight"] = wide
        own = self.state_dict()
        state = {k: v for k, v in state.items() if k in own or not k.startswith("stages.")}
        missing, unexpected = self.load_state_dict(state, strict=False)
        missing = [m for m in missing if not m.endswith("num_batches_tracked")]
        if missing or unexpected:
            raise DataError(f"{path} does not fit: missing {missing[:3]}, unexpected {unexpected[:3]}")


class UpBlock(nn.Module):
    """Upsample by two, concatenate the skip, mix with a 3x3 convolution."""

    def __init__(self, cin: int, skip: int, cout: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(ConvBN(cin + skip, cout, 3))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        y: Tensor = self.convs(torch.cat([x, skip], dim=1))
        return y


class UNet(nn.Module):
    """(frame_bgr uint8 NxHxWx3, previous_alpha float Nx1xHxW) -> logits Nx1xHxW; H and W are multiples of 32.

    Widths are the decoder's channels at 1/32, 1/16, 1/8, 1/4 and 1/2. The last level works at half size, and
    its four output channels unfold into the full-size logits (sub-pixel convolution, Shi et al. 2016): a level
    at full size has four times the pixels.
    """

    def __init__(self, widths: tuple[int, ...] = (96, 64, 32, 32, 16), max_repeats: int = 4) -> None:
        super().__init__()
        self.encoder = Lite0Encoder(4, max_repeats)
        w = widths
        skips = (112, 40, 24, 16)
        self.bridge = ConvBN(LITE0_STAGES[-1][3], w[0], 1)
        self.ups = nn.ModuleList(UpBlock(w[i], skips[i], w[i + 1]) for i in range(4))
        self.head = nn.Conv2d(w[4], 4, 3, padding=1)

    def train(self, mode: bool = True) -> UNet:
        """As for any module, but the encoder's BatchNorm keeps its statistics: small batches would spoil them."""
        super().train(mode)
        self.encoder.eval()
        return self

    @staticmethod
    def normalise(frame_bgr: Tensor, previous_alpha: Tensor) -> Tensor:
        """uint8 NxHxWx3 and alpha Nx1xHxW to Nx4xHxW in about -1..1, float32."""
        x = frame_bgr.permute(0, 3, 1, 2).float() * (1 / 128) - (127 / 128)
        return torch.cat([x, previous_alpha], dim=1)

    def forward(self, frame_bgr: Tensor, previous_alpha: Tensor) -> Tensor:
        x = self.normalise(frame_bgr, previous_alpha).to(self.head.weight.dtype)
        *skips, deepest = self.encoder(x)
        y = self.bridge(deepest)
        for up, skip in zip(self.ups, reversed(skips), strict=True):
            y = up(y, skip)
        return F.pixel_shuffle(self.head(y), 2).float()
