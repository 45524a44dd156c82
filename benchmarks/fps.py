"""The FPS benchmark: `python benchmarks/fps.py --json benchmarks/fps.json`. 1 and 2 threads, three sizes, two effects.

Times the Pipeline that `rtseg cam` runs, through `rtseg.commands.bench`: real frames of the demo clip, after warm-up,
every configuration in turn in each of five rounds. Decoding and display are not included.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from rtseg.commands.bench import SIZES, measure, report, show
from rtseg.files import write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=200, help="timed frames per configuration")
    parser.add_argument("--sizes", default=",".join(SIZES), help="comma-separated")
    parser.add_argument("--threads", default="1,2", help="comma-separated")
    parser.add_argument("--model", default="balanced", help="a model that ships or an .onnx file")
    parser.add_argument("--provider", default="cpu", help="auto, cuda or cpu")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    threads = [int(n) for n in options.threads.split(",")]
    sizes = options.sizes.split(",")
    results, pipeline = measure(sizes, options.frames, threads, model=options.model, provider=options.provider)
    show(results, pipeline, Console())
    if options.json:
        write_json(options.json, report(results, pipeline))


if __name__ == "__main__":
    main()
