"""Says when somebody comes and goes: python examples/who_is_there.py [CAMERA, FILE OR URL] (none: the demo clip)"""

import sys

from rtseg import Pipeline, SourceError

source = sys.argv[1] if len(sys.argv) > 1 else "demo"
there = False
try:
    with Pipeline(model="fast") as pipe:
        for result in pipe.stream(source):
            share = float(result.alpha.mean())
            if there != (share > 0.02):
                there = not there
                print(f"{result.seconds:.2f} s: {'somebody came' if there else 'nobody is there'} ({share:.0%})")
except SourceError as e:
    sys.exit(f"error: {e}")
