"""The peer's side of flicker.py: MediaPipe's selfie segmenters on folders of frames; runs in MediaPipe's interpreter.

python mediapipe_alphas.py OUT FRAMES...   writes OUT/<number>/<general|landscape>/<frame>.npy, float16 HxW
"""

import json
import sys
from pathlib import Path

import cv2
import mediapipe
import numpy as np

MODELS = {"general": 0, "landscape": 1}
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


def main(out: Path, folders: list[Path]) -> None:
    for number, folder in enumerate(folders):
        for name, selection in MODELS.items():
            target = out / str(number) / name
            target.mkdir(parents=True)
            # A new one for every clip, none between its frames: as a video call runs it.
            with mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=selection) as segmenter:
                for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES):
                    frame_rgb = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
                    np.save(
                        target / f"{path.stem}.npy", segmenter.process(frame_rgb).segmentation_mask.astype(np.float16)
                    )
    versions = {"mediapipe": mediapipe.__version__, "opencv": cv2.__version__, "python": sys.version.split()[0]}
    (out / "versions.json").write_text(json.dumps(versions))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]])
