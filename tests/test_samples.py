"""What a sample is made of: cut-outs on backgrounds, pairs of a clip, doubt, the alpha of the moment before."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rtseg.errors import DataError
from rtseg.pixels.matte import grey_of, motion, remembered
from rtseg_train import augment
from rtseg_train.alike import like_the_person
from rtseg_train.augment import make_sample, make_twins, moved, paste, previous_alpha, something_moves
from rtseg_train.data import TrainBatches
from rtseg_train.degrade import camera, light
from rtseg_train.shutter import smeared
from rtseg_train.windows import Picture, View
from test_data import person, small, write_list


def test_sample_of_an_empty_picture_is_empty() -> None:
    rng = np.random.default_rng(0)
    room = Picture(np.full((64, 96, 3), 90, np.uint8), np.zeros((64, 96), np.uint8))
    for _ in range(10):
        frame, _, alpha, _ = make_sample(rng, room, (96, 64), other=person())
        assert frame.shape == (64, 96, 3) and frame.dtype == np.uint8 and not alpha.any()


def test_a_person_cut_by_the_bottom_edge_stays_on_the_bottom() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        alpha = paste(rng, [person()], nobody((160, 96)))[0].alpha
        rows = np.flatnonzero(alpha.max(1) > 0.5)
        assert len(rows) == 0 or rows[-1] >= 94, "a gap below the person"


def nobody(size: tuple[int, int], level: int = 0) -> View:
    """An empty room of one grey, (width, height)."""
    zeros = np.zeros(size[::-1], np.float32)
    return View(np.full((*zeros.shape, 3), level, np.uint8), zeros, zeros + 1)


def test_a_cut_out_is_composited_as_its_alpha_says() -> None:
    soft = person()
    cut = Picture(np.full_like(soft.image, 200), cv2.GaussianBlur(soft.alpha, (0, 0), 3), exact=True)
    rng = np.random.default_rng(3)
    for _ in range(20):
        view = paste(rng, [cut], nobody((160, 96), 40))[0]
        # One grey on another: the composite says what alpha was, whatever the light that was matched.
        least, most = 40.0, float(view.frame.max())
        if view.alpha.max() < 0.99:
            continue
        shown = (view.frame[..., 0] - least) / (most - least)
        assert most > 60 and float(np.abs(shown - view.alpha).max()) < 0.02
        assert ((view.alpha > 0.2) & (view.alpha < 0.8)).any(), "the edge was made hard"


def test_both_people_of_a_composite_are_in_its_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "ALIKE", 0.0)  # the room is known by its level here
    rng = np.random.default_rng(0)
    dark, light = (Picture(np.full_like(person().image, level), person().alpha, exact=True) for level in (90, 250))
    for _ in range(20):
        behind = paste(rng, [dark], nobody((160, 96)))[0]
        both = paste(rng, [light], behind)[0]
        level = both.frame.max(2)
        assert (level[both.alpha > 0.9] > 40).all() and (level[both.alpha < 0.01] < 4).all(), "label and picture differ"


def test_the_next_moment_of_a_clip_is_put_at_the_same_place() -> None:
    first = Picture(np.full((96, 72, 3), 200, np.uint8), person().alpha, exact=True)
    shift = np.roll(first.alpha, 6, 1)
    room = Picture(np.full((96, 160, 3), 30, np.uint8), np.zeros((96, 160), np.uint8))
    rng = np.random.default_rng(1)
    for _ in range(10):
        one, two = make_twins(rng, first, (160, 96), room, None, Picture(first.image, shift, exact=True))
        areas = one.alpha.sum(), two.alpha.sum()
        assert not np.array_equal(one.alpha, two.alpha) and abs(areas[0] - areas[1]) < 0.25 * max(areas)


def test_two_moments_have_one_light_and_the_second_is_told_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "camera", lambda rng, frame: frame)
    first = Picture(person().image, person().alpha, exact=True)
    room = Picture(np.full((96, 160, 3), 120, np.uint8), np.zeros((96, 160), np.uint8))
    told = 0
    for seed in range(12):
        one, same = make_twins(np.random.default_rng(seed), first, (160, 96), room, None, first)
        np.testing.assert_array_equal(one.frame_bgr, same.frame_bgr)
        later = Picture(first.image, np.roll(first.alpha, 2, 1), exact=True)
        one, two = make_twins(np.random.default_rng(seed), first, (160, 96), room, None, later)
        change = motion(grey_of(two.frame_bgr), grey_of(one.frame_bgr))
        assert change is not None
        is_told = np.array_equal(two.previous_alpha, remembered(one.alpha, change))
        assert is_told or not two.previous_alpha.any()
        told += is_told
    assert 6 <= told <= 11, "of eight in ten"


def test_a_scene_that_moves_takes_its_label_along() -> None:
    label = (person(96, 160).alpha / 255).astype(np.float32)
    view = View(np.repeat(person(96, 160).alpha[..., None], 3, 2), label, label)
    changed = 0
    for seed in range(10):
        after = moved(np.random.default_rng(seed), view, (160, 96))
        np.testing.assert_allclose(after.frame[..., 0] / 255, after.alpha, atol=0.01)
        np.testing.assert_array_equal(after.sure, after.alpha)
        changed += not np.array_equal(after.alpha, label)
    assert 4 <= changed <= 9


def test_clips_of_cut_outs_are_found_by_their_numbers(tmp_path: Path) -> None:
    write_list(tmp_path)
    rows = ["fg,mask"]
    for name in ("anna", "0007", "0008", "0009", "0011"):
        image = 255 - person().image if name == "0009" else person().image  # somebody else, though numbered on
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), image)
        cv2.imwrite(str(tmp_path / f"{name}.png"), person().alpha)
        rows.append(f"{name}.jpg,{name}.png")
    (tmp_path / "cutouts.csv").write_text("\n".join(rows))
    rooms = tmp_path / "rooms"
    rooms.mkdir()
    cv2.imwrite(str(rooms / "room.png"), np.full((64, 96, 3), 30, np.uint8))
    settings = {"backgrounds": str(rooms), "cutouts": str(tmp_path / "cutouts.csv"), "cutout": 0.9, "composite": 0.0}
    data = TrainBatches(small(tmp_path / "list.csv", **settings))
    assert list(data.preload())[-1] == data.count == 10 and len(data.cut) == 5
    assert [data._following(index) is not None for index in data.cut] == [False, True, False, False, False]
    assert all(data.picture(index).exact for index in data.cut)
    with pytest.raises(DataError, match="--backgrounds"):
        TrainBatches(small(tmp_path / "list.csv", cutouts=str(tmp_path / "cutouts.csv")))


def test_what_is_in_doubt_goes_with_its_picture(tmp_path: Path) -> None:
    path = write_list(tmp_path, 1)
    half = np.full((96, 72), 255, np.uint8)
    half[:, :36] = 51
    cv2.imwrite(str(tmp_path / "sure.png"), half)
    path.write_text("image,mask,sure\n0.jpg,0.png,sure.png\n")
    data = TrainBatches(small(path, paired=0.0))
    list(data.preload())
    sure = torch.cat([data[step][3].flatten() for step in range(8)])
    assert sure.min() == pytest.approx(0.2) and sure.max() == 1
    behind = nobody((160, 96))._replace(sure=np.full((96, 160), 0.25, np.float32))
    for known, least in ((None, 0.25), (np.full((96, 72), 51, np.uint8), 0.2)):
        pasted = paste(np.random.default_rng(0), [Picture(person().image, person().alpha, known)], behind)[0]
        assert pasted.sure.max() == pytest.approx(least), "the less of both"
    cv2.imwrite(str(tmp_path / "sure.png"), half[:50])
    with pytest.raises(DataError, match=r"sure\.png is 72x50, its picture 72x96"):
        list(TrainBatches(small(path)).preload())


def test_previous_alpha_is_sometimes_nothing_and_sometimes_about_right() -> None:
    rng = np.random.default_rng(0)
    alpha = (person(96, 160).alpha / 255).astype(np.float32)
    drawn = [previous_alpha(rng, alpha, person()) for _ in range(60)]
    empty = sum(not p.any() for p in drawn)
    close = sum(p.any() and float(np.abs(p - alpha).mean()) < 0.05 for p in drawn)
    assert 15 < empty < 45 and close > 8
    wrong = [p for p in drawn if p.any() and p.max() > 0.9 and float(np.abs(p - alpha).mean()) > 0.05]
    assert wrong and all(p.min() >= 0 and p.max() <= 1 for p in drawn), "somebody else's, in the same numbers"


def test_of_half_of_the_frames_before_something_moved_since() -> None:
    """And the net is told of it what the runtime would tell."""
    rng = np.random.default_rng(3)
    alpha = (person(96, 160).alpha / 255).astype(np.float32)
    at_person = [something_moves(rng, alpha) for _ in range(60)]
    assert all(0 < change.max() <= 0.5 and change.shape == alpha.shape for change in at_person)
    assert np.mean([float(change[alpha > 0.5].max()) > 0.12 for change in at_person]) > 0.5
    drawn = [previous_alpha(rng, alpha, None) for _ in range(200)]
    holes = [p for p in drawn if p.any() and float(p[alpha > 0.9].min()) < 0.9]
    assert 20 < len(holes) < 100


def test_a_limb_smeared_over_the_room_keeps_its_colour_and_is_as_much() -> None:
    alpha = np.zeros((96, 160), np.float32)
    alpha[20:, 60:100] = 1
    colour = np.float32((40, 90, 200))
    image = alpha[..., None] * colour  # black beside: the old room, of which nothing may be seen
    halves = []
    for seed in range(8):
        layer, seen = smeared(np.random.default_rng(seed), image, alpha)
        there = seen > 0.01
        assert np.abs(layer[there] - colour).max() < 0.2
        assert seen.min() >= 0 and seen.max() <= 1 + 1e-6
        assert float(seen.sum()) == pytest.approx(float(alpha.sum()), rel=0.06)
        assert (seen == alpha).mean() > 0.5
        halves.append(int(((seen > 0.15) & (seen < 0.85)).sum()))  # none at an edge that stands still
    assert sorted(halves)[3] > 15, halves


def test_nobody_is_not_smeared() -> None:
    nobody, black = np.zeros((64, 96), np.float32), np.zeros((64, 96, 3), np.float32)
    layer, seen = smeared(np.random.default_rng(0), black, nobody)
    assert not seen.any() and not layer.any()


def test_a_room_takes_the_persons_colours_where_they_meet_and_keeps_its_pattern() -> None:
    alpha = np.zeros((96, 160), np.float32)
    alpha[20:, 60:100] = 1
    texture = np.random.default_rng(0).uniform(-8, 8, (*alpha.shape, 1)).astype(np.float32)
    image = alpha[..., None] * (np.float32((40, 90, 200)) + texture)  # black beside: nothing of that is looked at
    room = np.rint(np.float32((150, 140, 60)) + 2 * texture[:, ::-1]).astype(np.uint8)
    for seed in range(8):
        found = like_the_person(np.random.default_rng(seed), room, image, alpha).astype(np.float32)
        far = np.abs(found - (40, 90, 200)).max(2)
        assert far.min() < 12, "a place as the person is"
        assert np.abs(found - room)[:, :10].mean() < np.abs(found - room)[:, 50:110].mean() / 2, "and less so far off"
        grain = found - cv2.blur(found, (9, 9))
        same = np.corrcoef(grain[8:-8, 8:-8, 1].ravel(), texture[8:-8, ::-1][:, 8:-8, 0].ravel())[0, 1]
        assert same > 0.8, "the room's own pattern is there"


def test_a_room_stays_as_it_is_without_a_person_or_without_room() -> None:
    room, image = np.full((64, 96, 3), 90, np.uint8), np.full((64, 96, 3), 200, np.float32)
    for alpha in (np.zeros((64, 96), np.float32), np.ones((64, 96), np.float32)):
        assert (like_the_person(np.random.default_rng(0), room, image, alpha) == room).all()


def test_only_the_room_is_made_alike_never_who_stands_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    texture = np.random.default_rng(0).integers(60, 120, (96, 160, 3), np.uint8)
    light = Picture(np.full_like(person().image, 200), person().alpha, exact=True)
    for taken, changed in ((0, True), (1, False)):
        behind = nobody((160, 96))._replace(frame=texture, alpha=np.full((96, 160), taken, np.float32))
        differ = []
        for seed in range(10):
            pictures = []
            for share in (0.0, 1.0):
                monkeypatch.setattr(augment, "ALIKE", share)
                pictures.append(paste(np.random.default_rng(seed), [light, light], behind)[0])
            assert (pictures[0].alpha == pictures[1].alpha).all()
            differ.append((pictures[0].frame != pictures[1].frame).any())
        assert any(differ) == changed


def test_a_dark_room_is_dark_and_its_camera_noisy() -> None:
    """Grains in every colour, and blotches of several pixels; a bright frame's noise is a smaller share of it."""
    flat = np.full((96, 128, 3), 20, np.uint8)
    spread, blotchy = [], []
    for seed in range(40):
        frame = camera(np.random.default_rng(seed), flat).astype(np.float32)
        spread.append(frame.std())
        coarse = cv2.resize(frame, (32, 24), interpolation=cv2.INTER_AREA)
        blotchy.append(coarse.std() > frame.std() / 3)  # grains of single pixels come down to a quarter
    assert np.mean(np.array(spread) > 1) > 0.4 and np.mean(blotchy) > 0.25
    assert abs(float(np.mean([camera(np.random.default_rng(s), flat).mean() for s in range(40)])) - 20) < 1
    dark = [light(np.random.default_rng(seed), np.full((8, 8, 3), 200, np.uint8)).mean() for seed in range(400)]
    assert 0.1 < np.mean(np.array(dark) < 100) < 0.3 and min(dark) < 35
