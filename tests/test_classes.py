"""Masks of class numbers: told from alpha, asked about, and read when it is said which is the person."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from rtseg.arrays import U8
from rtseg.errors import DataError
from rtseg_train.classes import Person, UnknownClasses
from rtseg_train.masks import read_mask

VOC = {0: (0, 0, 0), 9: (192, 0, 0), 15: (192, 128, 128), 255: (224, 224, 192)}


def voc(person: int = 15, chair: int = 9, void: int = 255) -> U8:
    """A person over rows 8 to 55 and columns 20 to 43 with a border of void, four pixels wide, and a chair."""
    mask = np.zeros((64, 64), np.uint8)
    mask[44:, 2:14] = chair
    mask[6:58, 18:46] = void
    mask[10:54, 22:42] = person
    return mask


def middle() -> U8:
    """The person, with the edge in the middle of the border."""
    mask = np.zeros((64, 64), np.uint8)
    mask[8:56, 20:44] = 255
    return mask


def coloured(mask: U8) -> U8:
    """BGR."""
    picture = np.zeros((*mask.shape, 3), np.uint8)
    for number, colour in VOC.items():
        picture[mask == number] = colour[::-1]
    return picture


def save(path: Path, mask: U8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), mask)
    return path


def save_palette(path: Path, mask: U8) -> Path:
    picture = Image.fromarray(mask).convert("P")
    picture.putdata(mask.ravel().tolist())
    picture.putpalette([c for i in range(256) for c in VOC.get(i, (i, 255 - i, 7))])
    picture.save(path)
    return path


@pytest.mark.parametrize(
    ("mask", "names"),
    [
        (voc(), "numbers 0, 9, 15, 255"),
        (voc(15, 0), "numbers 0, 15, 255"),
        (voc(1, 0), "numbers 0, 1, 255"),
        (voc(1, 2, 3), "numbers 0, 1, 2, 3"),
        (voc(13, 90, 145), "numbers 0, 13, 90, 145"),
        (voc().astype(np.uint16), "numbers 0, 9, 15, 255"),
        ((voc(1, 2, 0).astype(np.uint16)) * 12_000, "numbers 0, 12000, 24000"),
        (np.dstack([voc()] * 3), "numbers 0, 9, 15, 255"),
        (voc(1, 2, 0).astype(np.uint16) * 1_000, "numbers 0, 1000, 2000"),
        (np.dstack([middle()] * 3 + [voc()]), "numbers 0, 9, 15, 255"),
        (np.where(middle()[..., None] > 0, (60, 20, 220), (128, 64, 128)).astype(np.uint8), "colours #804080, #dc143c"),
        (coloured(voc()), "colours #000000, #c00000, #c08080, #e0e0c0"),
    ],
)
def test_classes_are_asked_about(tmp_path: Path, mask: U8, names: str) -> None:
    with pytest.raises(UnknownClasses, match=rf"m\.png holds the {names}: classes.* --person"):
        read_mask(save(tmp_path / "m.png", mask))


SOFT = cv2.GaussianBlur(middle(), (0, 0), 3)


@pytest.mark.parametrize("quality", [40, 75, 95])
@pytest.mark.parametrize("ending", [".jpg", ".webp"])
def test_binary_masks_with_the_noise_of_a_jpeg_are_none(tmp_path: Path, ending: str, quality: int) -> None:
    flag = cv2.IMWRITE_JPEG_QUALITY if ending == ".jpg" else cv2.IMWRITE_WEBP_QUALITY
    noisy = cv2.imdecode(cv2.imencode(ending, middle(), [flag, quality])[1], cv2.IMREAD_GRAYSCALE)
    assert noisy is not None
    read_mask(save(tmp_path / "m.png", noisy))


@pytest.mark.parametrize(
    "mask",
    [
        SOFT,
        SOFT // 85 * 85,
        SOFT // 17 * 17,
        np.where(voc(128, 0) > 0, voc(128, 0), 0),
        cv2.resize(middle(), (32, 32), interpolation=cv2.INTER_AREA),
        cv2.resize(middle(), (50, 50), interpolation=cv2.INTER_LINEAR),
        np.dstack([SOFT * 0, SOFT * 0, SOFT]),
        np.dstack([middle() * 0, middle() * 0, middle()]),
    ],
)
def test_alpha_is_not_taken_for_classes(tmp_path: Path, mask: U8) -> None:
    read_mask(save(tmp_path / "m.png", mask))


@pytest.mark.parametrize("person", ["15", " 15", "15-15", "14-17", "3,15"])
def test_the_person_is_what_is_said_and_void_has_no_label(tmp_path: Path, person: str) -> None:
    mask = read_mask(save(tmp_path / "m.png", voc()), Person.of(person))
    assert np.array_equal(mask.alpha[8:56, 22:42], middle()[8:56, 22:42])
    assert np.count_nonzero(mask.alpha != middle()) <= 8, "rounded corners"
    assert mask.void is not None and np.array_equal(mask.void, voc() == 255)
    assert mask.done[0] == f"{person} taken as the person"


def test_several_numbers_void_asked_for_and_nobody(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", voc())
    assert np.array_equal(read_mask(path, Person.of("1-255")).alpha > 0, voc() > 0)
    assert not read_mask(path, Person.of("3")).alpha.any()
    assert read_mask(path, Person.of("9,15")).alpha[60, 5] == 255
    deep = save(tmp_path / "d.png", (voc(2, 1, 0).astype(np.uint16)) * 12_000)
    assert np.array_equal(read_mask(deep, Person.of("24000-24999")).alpha > 0, voc(2, 1, 0) == 2)


def test_palettes_keep_their_numbers(tmp_path: Path) -> None:
    for name in ("m.png", "m.bmp", "m.tif"):
        path = save_palette(tmp_path / name, voc())
        with pytest.raises(UnknownClasses, match="numbers 0, 9, 15, 255"):
            read_mask(path)
        for person in ("15", "#c08080"):
            assert np.array_equal(read_mask(path, Person.of(person)).alpha[8:56, 22:42], middle()[8:56, 22:42])


def test_a_palette_of_black_and_white_is_black_and_white(tmp_path: Path) -> None:
    white_first = Image.fromarray((middle() == 0).astype(np.uint8)).convert("P")
    white_first.putdata((middle() == 0).astype(np.uint8).ravel().tolist())
    white_first.putpalette([255, 255, 255, 0, 0, 0])
    white_first.save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png").alpha, middle())


def test_colours_and_what_does_not_fit(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", coloured(voc()))
    assert np.array_equal(read_mask(path, Person.of("#C08080")).alpha[8:56, 22:42], middle()[8:56, 22:42])
    with pytest.raises(DataError, match="colours and no numbers"):
        read_mask(path, Person.of("15"))


def round_one(chair: int = 9, person: int = 15, void: int = 255) -> U8:
    """As `voc`, in ellipses, 128 pixels wide: real borders are not straight."""
    mask = np.zeros((128, 128), np.uint8)
    cv2.ellipse(mask, (64, 64), (26, 44), 10, 0, 360, void, -1)
    cv2.ellipse(mask, (64, 64), (22, 40), 10, 0, 360, person, -1)
    cv2.circle(mask, (16, 112), 11, chair, -1)
    return mask


def blurred(picture: U8, ending: str, quality: int) -> U8:
    """After a lossy format, or enlarged."""
    if ending == "larger":
        return cv2.resize(picture, None, fx=1.4, fy=1.4).astype(np.uint8)
    flag = cv2.IMWRITE_JPEG_QUALITY if ending == ".jpg" else cv2.IMWRITE_WEBP_QUALITY
    read = cv2.imdecode(cv2.imencode(ending, picture, [flag, quality])[1], cv2.IMREAD_UNCHANGED)
    assert read is not None
    return read.astype(np.uint8)


BLURS = [(".jpg", 60), (".jpg", 95), (".webp", 60), (".webp", 95), ("larger", 0)]


@pytest.mark.parametrize(("ending", "quality"), BLURS)
@pytest.mark.parametrize(
    ("mask", "person"),
    [
        (coloured(round_one()), "#c08080"),
        (np.where(round_one(0)[..., None] > 0, (60, 20, 220), (128, 64, 128)).astype(np.uint8), "#dc143c"),
        (round_one(), "15"),
        (round_one(90, 150), "150"),
    ],
)
def test_classes_with_blurred_borders_are_refused(
    tmp_path: Path, mask: U8, person: str, ending: str, quality: int
) -> None:
    path = save(tmp_path / "m.png", blurred(mask, ending, quality))
    for said in (None, Person.of(person)):
        with pytest.raises(DataError, match=r"m\.png (has blurred borders.*as PNG|holds the)"):
            read_mask(path, said)
    with pytest.raises(DataError, match=f"leave --person {person} out where masks are alpha"):
        read_mask(path, Person.of(person))
    with pytest.raises(DataError, match=r"m\.jpg has blurred borders"):
        read_mask(save(tmp_path / "m.jpg", mask), Person.of(person))


@pytest.mark.parametrize(("ending", "quality"), BLURS)
@pytest.mark.parametrize("colour", [(0, 0, 1), (0.2, 1, 0.4), (1, 1, 1)])
def test_blurred_alpha_of_one_colour_is_alpha(
    tmp_path: Path, colour: tuple[float, float, float], ending: str, quality: int
) -> None:
    alone = round_one(255, 255)
    for mask in (alone, cv2.GaussianBlur(alone, (0, 0), 4), np.where(round_one(0) == 255, 128, alone)):
        picture = np.rint(mask[..., None] * np.array(colour)).astype(np.uint8)
        alpha = read_mask(save(tmp_path / "m.png", blurred(picture, ending, quality))).alpha
        expected = cv2.resize(mask.astype(np.uint8), alpha.shape[::-1], interpolation=cv2.INTER_NEAREST)
        assert np.mean((alpha > 100) == (expected > 100)) > 0.96


@pytest.mark.parametrize("text", ["", "person", "15,", "-3", "#c080", "15,#c08080", "1.5", "15 16"])
def test_what_names_no_person(text: str) -> None:
    with pytest.raises(DataError, match=r"person is .*as 15"):
        Person.of(text)
