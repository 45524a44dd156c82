"""HDR and wide colours against values of the standards."""

from __future__ import annotations

import numpy as np
import pytest

from rtseg.pixels.tone import BT2020, DISPLAY_P3, HLG, PQ, tone, toned

SDR = 1  # BT.709's transfer, as most files have it
GREY = 0.9264  # of white: what white of 203 cd/m2 becomes, 0.8 + 0.2 * (1 - 1 / e)
# Linear light of BT.709's R, G, B in other primaries (columns of the inverse matrices, ITU-R BT.2087 and SMPTE EG 432).
FROM_709 = {
    BT2020: ((0.6274, 0.3293, 0.0433), (0.0691, 0.9195, 0.0114), (0.0164, 0.0880, 0.8956)),
    DISPLAY_P3: ((0.8225, 0.1774, 0.0), (0.0332, 0.9669, 0.0), (0.0171, 0.0724, 0.9108)),
}


def shown(rgb: tuple[float, float, float], transfer: int, primaries: int) -> np.ndarray:
    """What becomes of one pixel with values 0..1: R, G, B as linear light of standard video, 1 is white."""
    tables = tone(transfer, primaries)
    assert tables is not None
    pixel = np.rint(65535 * np.array(rgb)).astype(np.uint16).reshape(1, 1, 3)
    return (toned(pixel, tables)[0, 0, ::-1] / 255.0) ** 2.4


@pytest.mark.parametrize(
    ("transfer", "value", "light"), [(PQ, 0.5807, GREY), (PQ, 0.3, 0.0495), (HLG, 0.75, GREY), (HLG, 0.38, 0.129)]
)
def test_light_is_shown_as_bright_as_it_was(transfer: int, value: float, light: float) -> None:
    """ITU-R BT.2408 has diffuse white, 203 cd/m2, at 58 % of PQ and at 75 % of HLG; what is dark is not bent."""
    np.testing.assert_allclose(shown((value,) * 3, transfer, BT2020), light, rtol=0.035)


def test_grey_of_standard_video_stays_as_it_is() -> None:
    np.testing.assert_allclose(shown((0.5,) * 3, SDR, BT2020), 0.5**2.4, rtol=0.03)


@pytest.mark.parametrize("primaries", FROM_709)
def test_colours_of_wide_primaries_are_those_of_standard_ones(primaries: int) -> None:
    for colour in ((0.5, 0.2, 0.3), (0.1, 0.6, 0.2), (0.3, 0.2, 0.7)):
        wide = np.array(FROM_709[primaries]) @ np.array(colour)
        got = shown(tuple(wide ** (1 / 2.4)), SDR, primaries)
        np.testing.assert_allclose(got, colour, atol=0.012)


def test_standard_video_is_not_touched() -> None:
    assert tone(SDR, 1) is None


def test_brightness_rolls_off_towards_white_and_never_falls() -> None:
    ramp = [shown((value,) * 3, PQ, BT2020)[0] for value in np.linspace(0, 1, 40)]
    assert (np.diff(ramp) >= 0).all() and ramp[-1] == pytest.approx(1, abs=0.01)
