"""A room of the person's own colours: where they meet, colour does not say what is whose. Pure."""

from __future__ import annotations

import numpy as np

from rtseg.arrays import F32, U8, u8
from rtseg_train.windows import place_on_edge

Rng = np.random.Generator
# In sides of a square as large as the person: how far from a place on the edge colours are compared, how far around it
# the room takes the person's.
NEAR, REACH = 0.1, (0.15, 0.8)
CONTRAST = 0.6, 1.6  # what the room's may be multiplied by, to be as the person's there


def like_the_person(rng: Rng, frame_bgr: U8, image: F32, alpha: F32) -> U8:
    """The room, uint8 HxWx3 BGR, with the person's colours and contrast around one place on the person's edge.

    image: the person, float32 HxWx3 BGR 0..255, right wherever alpha, float32 HxW, is above 0. Hair before bark, a
    dark coat before a dark chair: what a cut-out on a random room hardly ever shows.
    """
    middle, side = place_on_edge(rng, alpha, 1), float(alpha.sum()) ** 0.5
    if middle is None:
        return frame_bgr
    y, x = np.mgrid[: alpha.shape[0], : alpha.shape[1]].astype(np.float32)
    distance = np.hypot(y - middle[0], x - middle[1]) / np.float32(side)
    near = distance < NEAR
    person, room = image[near & (alpha > 0.9)], frame_bgr[near & (alpha < 0.1)].astype(np.float32)
    if len(person) < 4 or len(room) < 4:
        return frame_bgr
    contrast = np.clip((person.std() + 4) / (room.std() + 4), *CONTRAST)
    there = person.mean(0) + contrast * (frame_bgr.astype(np.float32) - room.mean(0))
    share = np.exp(-((distance / np.float32(rng.uniform(*REACH))) ** 2))[..., None]
    return u8(np.clip(np.rint(frame_bgr + share * (there - frame_bgr)), 0, 255).astype(np.uint8))
