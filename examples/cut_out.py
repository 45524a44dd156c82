"""The person of a picture as a transparent PNG: python examples/cut_out.py me.jpg me.png"""

import sys

from PIL import Image

import rtseg

picture, target = sys.argv[1:3]
Image.fromarray(rtseg.cutout(picture)).save(target)
print(f"wrote {target}")
