"""High dynamic range and wide colours to BT.709: tables for a video's curve, one compiled pass over its pixels.

Light is absolute as ITU-R BT.2408 has it: what was white in standard video shines with 203 cd/m2. Below 80 % of that
nothing is bent; above, the strongest of the three colours rolls off towards white, and the other two with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rtseg.arrays import F32, F64, U8, U16
from rtseg.pixels.compiled import compiled

PQ, HLG = 16, 18  # transfer characteristics by their numbers in ITU-T H.273
BT2020, DCI_P3, DISPLAY_P3 = 9, 11, 12  # primaries by theirs
WHITE = 203.0  # cd/m2
HLG_PEAK, HLG_GAMMA = 1000.0, 1.2  # cd/m2 of the display that BT.2100 has HLG seen on, and its system gamma
KNEE = 0.8  # of white
STEPS = 4096  # entries of a table
BRIGHTEST = 64.0  # times white: as far as the roll-off is tabled; brighter is white
SDR_GAMMA = 2.4  # BT.1886
TO_709 = {  # linear light
    BT2020: ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)),
    DISPLAY_P3: ((1.2249, -0.2249, 0.0), (-0.0420, 1.0420, 0.0), (-0.0197, -0.0786, 1.0983)),
}
TO_709[DCI_P3] = TO_709[DISPLAY_P3]  # another white, to which eyes and cameras are adapted
SAME = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
LUMA_2020 = (0.2627, 0.6780, 0.0593)


@dataclass(frozen=True)
class Tone:
    """How to show pixels of one transfer and one set of primaries: see `tone`."""

    linear: F32  # by a colour's value: light, 1 is white
    power: F32  # by the root of a pixel's HLG luminance: what its light is multiplied by
    roll_off: F32  # by the root of its brightness / BRIGHTEST: likewise
    matrix: F32  # 3x3, to BT.709 of R, G, B
    luma: F32  # of R, G, B


def tone(transfer: int, primaries: int) -> Tone | None:
    """The tables for a video of these H.273 numbers; None for one that is BT.709's already, or as good as."""
    hdr = transfer in (PQ, HLG)
    if not hdr and primaries not in TO_709:
        return None
    code = np.linspace(0, 1, STEPS)
    power = np.ones(STEPS)
    if transfer == PQ:
        linear = pq_light(code) / WHITE
    elif transfer == HLG:
        linear = hlg_scene(code) * HLG_PEAK / WHITE
        power = np.maximum(code**2, 1e-6) ** (HLG_GAMMA - 1)
    else:
        linear = code**SDR_GAMMA
    matrix = TO_709[primaries if primaries in TO_709 else BT2020] if hdr or primaries in TO_709 else SAME
    gains = roll_off(code**2 * BRIGHTEST) if hdr else np.ones(STEPS)
    return Tone(*(np.ascontiguousarray(a, dtype=np.float32) for a in (linear, power, gains, matrix, LUMA_2020)))


def pq_light(code: F64) -> F64:
    """cd/m2 of SMPTE ST 2084 values 0..1."""
    m1, m2, c1, c2, c3 = 1305 / 8192, 2523 / 32, 107 / 128, 2413 / 128, 2392 / 128
    p = code ** (1 / m2)
    light: F64 = 10_000 * (np.maximum(p - c1, 0) / (c2 - c3 * p)) ** (1 / m1)
    return light


def hlg_scene(code: F64) -> F64:
    """The scene's light, 0..1, of ARIB STD-B67 values 0..1."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    light: F64 = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    return light


def roll_off(light: F64) -> F64:
    """What light (1 is white) is multiplied by, so that all of it comes below white."""
    over = np.maximum(light - KNEE, 0) / (1 - KNEE)
    shown = np.minimum(light, KNEE) + (1 - KNEE) * (1 - np.exp(-over))
    return shown / np.maximum(light, 1e-9)


def encode_table() -> U8:
    """By the root of light 0..1: its value in standard video, which BT.1886 turns into that light again."""
    return np.rint(255 * np.linspace(0, 1, STEPS) ** (2 / SDR_GAMMA)).astype(np.uint8)


ENCODE = encode_table()


@compiled
def _toned(rgb: Any, out: Any, linear: Any, power: Any, gains: Any, matrix: Any, luma: Any, encode: Any) -> None:
    top = np.float32(STEPS - 1)
    scale = np.float32(1.0 / BRIGHTEST)
    one, zero = np.float32(1.0), np.float32(0.0)
    for y in range(rgb.shape[0]):
        for x in range(rgb.shape[1]):
            r, g, b = linear[rgb[y, x, 0] >> 4], linear[rgb[y, x, 1] >> 4], linear[rgb[y, x, 2] >> 4]
            # HLG's luminance is the scene's, 0..1: the tables are scaled so that 1000 cd/m2 is where it is 1
            y_scene = (luma[0] * r + luma[1] * g + luma[2] * b) * np.float32(WHITE / HLG_PEAK)
            gain = power[int(np.sqrt(min(y_scene, one)) * top)]
            red = max(zero, (matrix[0, 0] * r + matrix[0, 1] * g + matrix[0, 2] * b) * gain)
            green = max(zero, (matrix[1, 0] * r + matrix[1, 1] * g + matrix[1, 2] * b) * gain)
            blue = max(zero, (matrix[2, 0] * r + matrix[2, 1] * g + matrix[2, 2] * b) * gain)
            bend = gains[int(np.sqrt(min(max(red, max(green, blue)) * scale, one)) * top)]
            out[y, x, 0] = encode[int(np.sqrt(min(blue * bend, one)) * top)]
            out[y, x, 1] = encode[int(np.sqrt(min(green * bend, one)) * top)]
            out[y, x, 2] = encode[int(np.sqrt(min(red * bend, one)) * top)]


def toned(rgb: U16, tables: Tone) -> U8:
    """uint8 HxWx3 BGR, BT.709, of uint16 HxWx3 RGB whose 65535 is the curve's 1."""
    out = np.empty(rgb.shape, np.uint8)
    source = np.ascontiguousarray(rgb)
    _toned(source, out, tables.linear, tables.power, tables.roll_off, tables.matrix, tables.luma, ENCODE)
    return out
