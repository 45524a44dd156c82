"""Masks of class numbers: told from alpha, asked about, and read when it is said which is the person."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from conftest import write_clip
from rtseg.arrays import U8
from rtseg.errors import DataError
from rtseg_train.classes import Person, UnknownClasses
from rtseg_train.clips import Clip, score_clip
from rtseg_train.config import TrainConfig
from rtseg_train.data import TrainBatches
from rtseg_train.data_report import Inspection
from rtseg_train.dataset import find_pairs, find_sets
from rtseg_train.evaluate import evaluate
from rtseg_train.masks import read_mask, read_pair
from rtseg_train.reliability import Reliability
from tiny_runs import call

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


def photos(folder: Path, masks: list[U8]) -> Path:
    for i, mask in enumerate(masks):
        save(folder / "images" / f"{i}.jpg", np.full((*mask.shape[:2], 3), 90, np.uint8))
        save(folder / "masks" / f"{i}.png", mask)
    return folder


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


def test_a_set_of_jpeg_classes_is_refused_early(tmp_path: Path) -> None:
    folder = photos(tmp_path / "set", [coloured(round_one())] * 20)
    for path in (folder / "masks").iterdir():
        save(path.with_suffix(".jpg"), cv2.imread(str(path)))
        path.unlink()
    with pytest.raises(DataError, match=r"0\.jpg has blurred borders.*20 masks are like that"):
        checked(folder)


@pytest.mark.parametrize("text", ["", "person", "15,", "-3", "#c080", "15,#c08080", "1.5", "15 16"])
def test_what_names_no_person(text: str) -> None:
    with pytest.raises(DataError, match=r"person is .*as 15"):
        Person.of(text)


def checked(folder: Path, person: str | None = None) -> str:
    inspection = Inspection(find_sets(folder, "none", person))
    list(inspection.read())
    return "\n".join(inspection.lines())


def test_a_set_of_classes_is_refused_and_read_when_the_person_is_named(tmp_path: Path) -> None:
    folder = photos(tmp_path / "voc", [voc(), voc(0), voc(15, 0)])
    with pytest.raises(DataError, match=r"0\.png holds the numbers 0, 9, 15, 255.*Which is the person"):
        checked(folder)
    said = checked(folder, "15")
    assert "2 binary classes, 1 nobody" in said and "15 taken as the person (3)" in said
    image, alpha = read_pair(find_pairs(folder, person="15").pairs[0])
    assert image.shape[:2] == alpha.shape and set(np.unique(alpha)) == {0, 255}


def test_a_large_set_is_asked_about_early_and_a_wrong_number_is_told(tmp_path: Path) -> None:
    folder = photos(tmp_path / "voc", [voc()] * 21)
    inspection, seen = Inspection(find_sets(folder, "none")), 0
    with pytest.raises(DataError, match="20 masks are like that"):
        for seen in inspection.read():  # noqa: B007
            pass
    assert seen == 19
    with pytest.raises(DataError, match=r"holds 14, which --person names; look at .*0\.png"):
        checked(folder, "14")


def test_one_class_in_each_mask_is_seen_in_the_set(tmp_path: Path) -> None:
    folder = photos(tmp_path / "set", [voc(15, 0, 0), voc(15, 0, 0), voc(0, 9, 0)])
    with pytest.raises(DataError, match=r"2\.png holds 9 beside 0 and .*15: the set holds the numbers 9, 15"):
        checked(folder)
    same = photos(tmp_path / "same", [voc(15, 0, 0)] * 2 + [middle()])
    assert "15 taken as 255 (2)" in checked(same)
    assert "taken as 255" in checked(photos(tmp_path / "mixed", [middle(), middle() // 255]))


def test_a_few_odd_masks_among_many_are_left_out(tmp_path: Path) -> None:
    said = checked(photos(tmp_path / "set", [middle()] * 19 + [voc()]))
    assert "19 of 20 pictures" in said and "19.png holds the numbers" in said


def test_void_is_neither_learned_from_nor_scored(tmp_path: Path) -> None:
    folder = photos(tmp_path / "set", [voc()] * 2)
    data = TrainBatches(TrainConfig(train=str(folder), person="15", paired=0.0, batch=4, workers=0))
    list(data.preload())
    for cached in (True, False):
        sure = data.picture(0).sure
        assert sure is not None and not sure[voc() == 255].any() and (sure[voc() != 255] == 255).all()
        assert cached or not data.cache
        data.cache.clear()
    assert min(float(data[step][3].min()) for step in range(4)) == 0
    right = np.where(voc() == 15, 1, 0).astype(np.float32)
    pairs = find_pairs(folder, person="15").pairs
    results = []
    for wrong in (0.0, 0.45, 1.0):  # what is said of the void is the same to every figure
        alpha, bins = np.where(voc() == 255, np.float32(wrong), right), Reliability()
        looks = [lambda name, image, mask, alpha, score, bins=bins: bins.add(alpha, mask.alpha, mask.void)]
        results.append(list(evaluate(lambda image, alpha=alpha: alpha, pairs, looks)))
        assert bins.error == 0 and bins.pixels.sum() == 2 * np.count_nonzero(voc() != 255)
    assert results[0] == results[1] == results[2]
    assert results[0][0].iou == results[0][0].boundary_iou == results[0][0].mean_iou == 1 and results[0][0].mae == 0
    clip = Clip("c", tuple(p.image for p in pairs), tuple(p.mask for p in pairs), pairs[0].person)
    unsure = np.where(voc() == 255, np.float32(0.3), right)
    assert [s.dtssd for s in score_clip(lambda image: unsure, clip)] == [None, 0]
    person, chair, known = (np.count_nonzero(part) for part in (voc() == 15, voc() == 9, voc() != 255))
    wrong = next(evaluate(lambda image: np.maximum(unsure, voc() == 9), pairs))
    assert (wrong.iou, wrong.mae) == pytest.approx((person / (person + chair), chair / known))


def test_void_that_covers_much_is_suspicious(tmp_path: Path) -> None:
    mostly = np.full((64, 64), 255, np.uint8)
    mostly[20:40, 20:40] = 15
    mostly[:8] = 0
    assert "suspicious: much of it is void (1): 0.png" in checked(photos(tmp_path / "set", [mostly, voc()]), "15")


def test_train_asks_and_takes_the_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = photos(tmp_path / "set", [voc()] * 3)
    for more in ([], ["--preset", "article"]):
        with pytest.raises(DataError, match="Which is the person"):
            call("train", str(folder), "--check" if not more else "--strict", "--out", str(tmp_path / "run"), *more)
    call("train", str(folder), "--check", "--out", str(tmp_path / "run"), "--person", "15")
    assert "15 taken as the person" in capsys.readouterr().out
    with pytest.raises(DataError, match="person is 'me'"):
        call("train", str(folder), "--check", "--out", str(tmp_path / "other"), "--person", "me")


def test_eval_takes_the_person_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = photos(tmp_path / "set", [voc()])
    with pytest.raises(DataError, match="Which is the person"):
        call("eval", "fast", str(folder), "--provider", "cpu")
    call("eval", "fast", str(folder), "--provider", "cpu", "--person", "15")
    video = write_clip(tmp_path / "c.mp4", [np.full((64, 64, 3), 90, np.uint8)], [0.0])
    call("eval", "fast", str(video), "--masks", str(folder / "masks"), "--provider", "cpu", "--person", "15")
    assert "boundary" in capsys.readouterr().out
