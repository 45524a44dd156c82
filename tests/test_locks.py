"""Long hair that is drawn beside the necks of cut-outs: where it is, what colour it has, what the label says of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from rtseg.arrays import F32, U8
from rtseg_train import augment
from rtseg_train.augment import paste
from rtseg_train.locks import find_head, with_locks
from rtseg_train.windows import Picture, View

HAIR, FACE, SHIRT = (90, 30, 20), (120, 150, 210), (60, 160, 60)  # BGR


def bust(hair: tuple[int, int, int] = HAIR) -> tuple[U8, F32]:
    """(colours, alpha) 192x160: a head from row 20, widest at 60, a neck of 32 pixels, shoulders below row 120."""
    image, alpha = np.full((192, 160, 3), SHIRT, np.uint8), np.zeros((192, 160), np.float32)
    cv2.ellipse(alpha, (80, 60), (30, 40), 0, 0, 360, 1.0, -1)
    cv2.rectangle(alpha, (64, 80), (95, 130), 1.0, -1)
    cv2.rectangle(alpha, (30, 120), (130, 191), 1.0, -1)
    image[:120] = FACE
    image[:40] = hair
    return image, alpha


def test_a_head_is_found_above_a_neck() -> None:
    head = find_head(bust()[1])
    assert head is not None
    assert (head.top, head.shoulders, head.width) == (20, 120, 61) and abs(head.widest - 60) <= 8
    assert head.centre == pytest.approx(80, abs=0.5)


@pytest.mark.parametrize("shape", ["nobody", "everywhere", "a box", "two apart", "a ball"])
def test_where_no_neck_is_seen_nothing_is_drawn(shape: str) -> None:
    image, alpha = bust()
    if shape == "nobody":
        alpha[:] = 0
    elif shape == "everywhere":
        alpha[:] = 1
    elif shape == "a box":
        alpha[:] = 0
        alpha[50:, 40:100] = 1
    elif shape == "two apart":
        alpha[105:110] = 0
    else:
        alpha[90:] = 0
    assert find_head(alpha) is None
    colours, cut = with_locks(np.random.default_rng(0), image, alpha)
    assert (colours == image).all() and (cut == alpha).all()


def test_hair_hangs_beside_the_neck_behind_the_person() -> None:
    image, alpha = bust()
    sides, soft = set(), 0
    for seed in range(30):
        colours, cut = with_locks(np.random.default_rng(seed), image, alpha)
        assert cut.dtype == np.float32 and cut.shape == alpha.shape and cut.min() >= 0 and cut.max() <= 1 + 1e-6
        assert (colours[alpha == 1] == image[alpha == 1]).all() and (cut[alpha == 1] == 1).all()
        drawn = cut - alpha > 0.5
        left, right = drawn[85:115, 30:64].mean(), drawn[85:115, 96:130].mean()
        assert max(left, right) > 0.02, "beside the neck"
        sides.add((left > 0.02, right > 0.02))
        assert not drawn[:30].any() and not drawn[:, :20].any() and not drawn[:, 140:].any(), "and nowhere else"
        soft += int(((cut > 0.2) & (cut < 0.8)).sum())
    assert sides == {(True, True), (True, False), (False, True)} and soft > 300, "with a soft edge"


def test_hair_has_the_colour_of_the_crown_or_of_hair() -> None:
    image, alpha = bust()
    for seed in range(20):
        colours, cut = with_locks(np.random.default_rng(seed), image, alpha)
        blue, green, red = colours[cut - alpha > 0.9].mean(0)
        assert blue > 1.8 * green and green > red and 40 < blue < 125, "as the crown"
    bald, alpha = bust(FACE)
    darker = []
    for seed in range(20):
        colours, cut = with_locks(np.random.default_rng(seed), bald, alpha)
        darker.append(colours[cut - alpha > 0.9].mean() < np.mean(FACE) - 30)
    assert 10 <= sum(darker) < 20, "dark, fair or grey, not the skin's"


def test_the_label_of_a_cut_out_holds_its_hair(monkeypatch: pytest.MonkeyPatch) -> None:
    image, alpha = bust()
    person = Picture(image, np.rint(alpha * 255).astype(np.uint8), exact=True)
    room = View(
        np.full((96, 160, 3), (250, 0, 250), np.uint8), np.zeros((96, 160), np.float32), np.ones((96, 160), np.float32)
    )
    for share in ("ALIKE", "SMEARED"):
        monkeypatch.setattr(augment, share, 0)
    more = 0
    for seed in range(20):
        views = []
        for share in (0.0, 1.0):
            monkeypatch.setattr(augment, "LOCKS", share)
            views.append(paste(np.random.default_rng(seed), [person], room)[0])
        bare, hairy = views
        more += int((hairy.alpha - bare.alpha > 0.5).sum()) > 20
        seen = np.abs(hairy.frame.astype(int) - (250, 0, 250)).max(2) > 60
        assert (seen == (hairy.alpha > 0.5))[np.abs(hairy.alpha - 0.5) > 0.4].mean() > 0.99
    assert more >= 10
