import pytest

from rtseg.pixels.geometry import cover_crop, network_size


@pytest.mark.parametrize(
    ("frame", "expected"),
    [((1280, 800), (256, 160)), ((480, 640), (192, 256)), ((640, 480), (256, 192)), ((500, 500), (192, 192))],
)
def test_network_keeps_the_frames_shape(frame: tuple[int, int], expected: tuple[int, int]) -> None:
    assert network_size(*frame, 40960) == expected


@pytest.mark.parametrize("frame", [(1920, 1080), (1080, 1920), (640, 360), (3000, 100), (2, 16000)])
def test_network_size_is_a_positive_multiple_of_32(frame: tuple[int, int]) -> None:
    width, height = network_size(*frame, 40960)
    assert width % 32 == height % 32 == 0 < min(width, height)


@pytest.mark.parametrize("area", [40960, 81920, 4 * 40960])
def test_network_has_about_the_area(area: int) -> None:
    width, height = network_size(1920, 1080, area)
    assert width * height == pytest.approx(area, rel=0.15)


def test_cover_crop_is_centred_and_has_the_targets_shape() -> None:
    assert cover_crop(1600, 900, 100, 100) == (350, 0, 900, 900)
    assert cover_crop(900, 1600, 200, 100) == (0, 575, 900, 450)
