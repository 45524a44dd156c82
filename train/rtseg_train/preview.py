"""Pictures to look at before training: the labelled pictures with their outlines, and what the network sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from rtseg.arrays import U8, u8
from rtseg.files import whole_file
from rtseg_train.batch import Batch
from rtseg_train.inspect_data import Finding
from rtseg_train.masks import read_pair

SHEET_WIDTH, GAP, CAPTION = 1900, 6, 16  # pixels
TILE_HEIGHT, SAMPLE_HEIGHT = 192, 112  # pixels, without caption
WIDEST = 480  # pixels
DARK, LIGHT, OUTLINE, DOUBT = (32, 32, 32), (220, 220, 220), (0, 255, 0), (80, 160, 255)  # BGR


def draw_findings(findings: list[Finding], target: Path) -> None:
    """A contact sheet PNG: each picture with its mask's outline and, where there is one, the doubt about it."""
    tiles = []
    for finding in findings:
        image, alpha = read_pair(finding.pair)
        size = size_within(image, TILE_HEIGHT)
        small = u8(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        person = (cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) > 127).astype(np.uint8)
        contours, _ = cv2.findContours(person, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(small, contours, -1, OUTLINE, 1)
        doubt = ", ".join(finding.doubts)
        text = f"{finding.pair.image.name}: {doubt}" if doubt else finding.pair.image.name
        tiles.append(captioned(small, text, DOUBT if doubt else LIGHT))
    write_sheet(tiles, target)


def draw_batches(batches: Mapping[int, Batch], target: Path) -> None:
    """Batches as the network gets them, by their steps: each sample is one tile, at network size."""
    tiles = []
    for step, (frames, previous, alphas, _, pairs) in batches.items():
        for i in range(len(frames)):
            greys = [np.rint(x[i, 0].numpy() * 255).astype(np.uint8) for x in (previous, alphas)]
            row = np.hstack([frames[i].numpy(), *(cv2.cvtColor(g, cv2.COLOR_GRAY2BGR) for g in greys)])
            size = (round(row.shape[1] * SAMPLE_HEIGHT / row.shape[0]), SAMPLE_HEIGHT)
            small = u8(cv2.resize(row, size, interpolation=cv2.INTER_AREA))
            of_pair = f" pair {i // 2 + 1}{'ab'[i % 2]}" if i < 2 * pairs else ""
            h, w = frames.shape[1:3]
            tiles.append(captioned(small, f"step {step}{of_pair}: frame, previous, target {w}x{h}", LIGHT))
    write_sheet(tiles, target)


def size_within(image: U8, height: int, widest: int = WIDEST) -> tuple[int, int]:
    """(width, height) of a picture brought to a height, or to the greatest width."""
    h, w = image.shape[:2]
    scale = min(height / h, widest / w)
    return max(1, round(w * scale)), max(1, round(h * scale))


def captioned(picture: U8, text: str, colour: tuple[int, int, int]) -> U8:
    """The picture with a line of text below, cut off at WIDEST (letters beyond ASCII become ?)."""
    plain = text.encode("ascii", "replace").decode()
    (needed, _), _ = cv2.getTextSize(plain, cv2.FONT_HERSHEY_SIMPLEX, 0.36, 1)
    bar = np.full((CAPTION, max(picture.shape[1], min(needed + 4, WIDEST)), 3), DARK, np.uint8)
    cv2.putText(bar, plain, (2, CAPTION - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.36, colour, 1, cv2.LINE_AA)
    result = np.full((picture.shape[0] + CAPTION, bar.shape[1], 3), DARK, np.uint8)
    result[: picture.shape[0], : picture.shape[1]] = picture
    result[picture.shape[0] :] = bar
    return result


def titled(picture: U8, titles: Sequence[str]) -> U8:
    """The picture with a line above it: a title for each of its columns, which are equally wide."""
    bar = np.full((CAPTION, picture.shape[1], 3), DARK, np.uint8)
    for number, title in enumerate(titles):
        left = number * picture.shape[1] // len(titles)
        cv2.putText(bar, title, (left + 2, CAPTION - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.36, LIGHT, 1, cv2.LINE_AA)
    return np.vstack([bar, picture])


def write_sheet(tiles: list[U8], target: Path) -> None:
    """The tiles in rows, as many to a row as fit, as one PNG."""
    rows: list[list[U8]] = [[]]
    for tile in tiles:
        if sum(t.shape[1] + GAP for t in rows[-1]) + tile.shape[1] > SHEET_WIDTH and rows[-1]:
            rows.append([])
        rows[-1].append(tile[:, :SHEET_WIDTH])
    heights = [max((t.shape[0] for t in row), default=1) + GAP for row in rows]
    sheet = np.full((sum(heights), SHEET_WIDTH, 3), DARK, np.uint8)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = 0
        for tile in row:
            sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
            left += tile.shape[1] + GAP
        top += height
    _, png = cv2.imencode(".png", sheet)
    with whole_file(target) as temporary:
        temporary.write_bytes(png.tobytes())
