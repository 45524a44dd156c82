"""What is drawn over the picture in the preview window. Pure: pictures in, a new picture out, never into an output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2

from rtseg.arrays import F32, U8, u8
from rtseg.live.keys import HELP
from rtseg.live.settings import Settings
from rtseg.sinks.window import SMALLEST

Colour = tuple[int, int, int]
Rows = Sequence[tuple[str, str]]
FONT = cv2.FONT_HERSHEY_SIMPLEX
FONT_LINE = 34.0  # pixels a line of FONT takes at scale 1
WHITE, BLACK, RED, AMBER = (255, 255, 255), (0, 0, 0), (40, 40, 220), (0, 110, 190)  # BGR
BOLD_LINE = 24  # pixels of a line from which letters are bold
DIM = 0.35  # of the picture's brightness that is left behind text
EFFECT_OFF = "EFFECT OFF: your room is visible"
PAUSED = "PAUSED: only the background is seen"
INSET = "your room, only here"


@dataclass(frozen=True)
class Shown:
    """One moment of the preview. Pictures are uint8 HxWx3 BGR of one size."""

    image: U8  # what goes to the outputs
    frame_bgr: U8 | None = None  # the camera's picture, for the inset
    alpha: F32 | None = None  # HxW in 0..1, for the view of the mask
    timings: Mapping[str, float] = field(default_factory=dict)  # milliseconds by stage
    status: str = ""  # one short line: frame rate, latency
    message: str | None = None


def preview(shown: Shown, settings: Settings) -> U8:
    """What the window shows: a new array, at least SMALLEST lines high."""
    picture = enlarged(mirrored(base(shown, settings), settings))
    if picture is shown.image:
        picture = picture.copy()
    height, width = picture.shape[:2]
    line = max(16, height // 30, min(height, width) // 30)
    margin = line // 2
    top = margin
    if settings.paused or not settings.effect:
        text, colour = (PAUSED, AMBER) if settings.paused else (EFFECT_OFF, RED)
        top = draw_banner(picture, text, colour, line) + margin
    bottom = height - margin - line
    if shown.status:
        draw_note(picture, shown.status, (margin, bottom), line)
    if settings.recording:
        draw_recording(picture, line)
    if shown.message:
        bottom -= line + margin
        draw_note(picture, shown.message, (margin, bottom), line)
    if settings.help:
        draw_table(picture, HELP, (top, height - 2 * (line + margin) - margin), line)
        return picture
    if settings.timings:
        rows = [(name, f"{spent:.1f} ms") for name, spent in shown.timings.items()]
        draw_rows(picture, rows, (margin, top), line)
    if settings.inset and shown.frame_bgr is not None and not settings.paused:
        draw_inset(picture, mirrored(shown.frame_bgr, settings), top, margin)
    return picture


def base(shown: Shown, settings: Settings) -> U8:
    """The picture behind everything: what goes out, or the alpha as grey."""
    if settings.view == "mask" and shown.alpha is not None and not settings.paused:
        grey = cv2.convertScaleAbs(shown.alpha, alpha=255)
        return u8(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))
    return shown.image


def mirrored(picture: U8, settings: Settings) -> U8:
    return u8(cv2.flip(picture, 1)) if settings.mirror else picture


def enlarged(picture: U8) -> U8:
    """The picture, scaled up if it has less than SMALLEST lines."""
    height, width = picture.shape[:2]
    if height >= SMALLEST:
        return picture
    size = (round(width * SMALLEST / height), SMALLEST)
    return u8(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR))


def text_width(text: str, line: int) -> int:
    """Pixels that a text takes in lines of this height."""
    return int(cv2.getTextSize(text, FONT, line / FONT_LINE, thickness(line))[0][0])


def thickness(line: int) -> int:
    return 1 if line < BOLD_LINE else 2


def shortened(text: str, width: int, line: int) -> str:
    """The text, cut at its end if it would be wider than `width` pixels."""
    if text_width(text, line) <= width:
        return text
    while text and text_width(text + "...", line) > width:
        text = text[:-1]
    return text + "..."


def draw_text(picture: U8, text: str, place: tuple[int, int], line: int) -> None:
    """White text with a shadow, its upper left corner at `place`, cut at the picture's edge."""
    text = shortened(text, picture.shape[1] - place[0] - line // 2, line)
    shift = thickness(line)  # of the shadow; as an outline it would not fit, thick letters are wider in OpenCV 5
    for colour, by in ((BLACK, shift), (WHITE, 0)):
        x, y = place[0] + by, place[1] + round(line * 0.78) + by
        cv2.putText(picture, text, (x, y), FONT, line / FONT_LINE, colour, thickness(line), cv2.LINE_AA)


def draw_note(picture: U8, text: str, place: tuple[int, int], line: int) -> None:
    """A text on a dimmed strip of its own length, readable on a white wall too."""
    dim(picture, place, (min(text_width(text, line), picture.shape[1] - 2 * place[0]), line), line // 4)
    draw_text(picture, text, place, line)


def dim(picture: U8, place: tuple[int, int], size: tuple[int, int], margin: int) -> None:
    """Darken a rectangle (width, height) and a margin around it."""
    left, top = (max(0, x - margin) for x in place)
    part = picture[top : place[1] + size[1] + margin, left : place[0] + size[0] + margin]
    part[:] = cv2.convertScaleAbs(part, alpha=DIM)


def draw_banner(picture: U8, text: str, colour: Colour, line: int) -> int:
    """A bar of one colour over the whole width; where it ends, in lines from the top."""
    height, width = round(line * 1.6), picture.shape[1]
    cv2.rectangle(picture, (0, 0), (width, height), colour, cv2.FILLED)
    draw_text(picture, text, (max(line // 2, (width - text_width(text, line)) // 2), round(line * 0.3)), line)
    return height


def draw_recording(picture: U8, line: int) -> None:
    """A red dot in the lower right corner."""
    height, width = picture.shape[:2]
    centre, radius = (width - line, height - line), line // 3
    cv2.circle(picture, centre, radius + 2, BLACK, cv2.FILLED, cv2.LINE_AA)
    cv2.circle(picture, centre, radius, RED, cv2.FILLED, cv2.LINE_AA)


def draw_inset(picture: U8, frame_bgr: U8, top: int, margin: int) -> None:
    """The camera's picture, a quarter as wide, in the upper right corner."""
    width = picture.shape[1] // 4
    height = max(1, min(round(width * frame_bgr.shape[0] / frame_bgr.shape[1]), picture.shape[0] // 3))
    left = picture.shape[1] - margin - width
    small = u8(cv2.resize(frame_bgr, (width, height), interpolation=cv2.INTER_AREA))
    line = max(8, min(height // 4, 2 * width // len(INSET)))
    while text_width(INSET, line) > width - line and line > 8:
        line -= 1
    draw_note(small, INSET, (line // 2, height - line - line // 2), line)
    picture[top : top + height, left : left + width] = small
    cv2.rectangle(picture, (left, top), (left + width - 1, top + height - 1), WHITE, 1)


def draw_table(picture: U8, rows: Rows, limits: tuple[int, int], line: int) -> None:
    """Two columns in the middle of the picture, no higher than from limits[0] to limits[1]."""
    top, bottom = limits
    step = min(round(line * 1.5), (bottom - top) // len(rows))
    line = min(round(line * 1.15), round(step * 0.9))
    while (width := sum(columns(rows, line))) > picture.shape[1] - 2 * line and line > 6:
        line -= 1
    draw_rows(picture, rows, (max(0, picture.shape[1] - width) // 2, top), line, step)


def draw_rows(picture: U8, rows: Rows, place: tuple[int, int], line: int, step: int = 0) -> None:
    """Two columns of text on a dimmed panel, a row every `step` pixels."""
    step = step or round(line * 1.2)
    first, second = columns(rows, line)
    dim(picture, place, (first + second, step * len(rows)), line // 4)
    for number, (left, right) in enumerate(rows):
        level = place[1] + number * step + (step - line) // 2
        draw_text(picture, left, (place[0], level), line)
        draw_text(picture, right, (place[0] + first, level), line)


def columns(rows: Rows, line: int) -> tuple[int, int]:
    """Widths of both columns; the first with the gap between them."""
    first, second = (max((text_width(row[i], line) for row in rows), default=0) for i in (0, 1))
    return first + line, second
