"""A film with its room blurred, with its sound: python examples/blur_video.py talk.mp4 talk-blur.mp4"""

import sys

from rtseg import Pipeline, Video, VideoFile

source, target = sys.argv[1:3]
with Pipeline(blur=30, model="balanced") as pipe, Video(source) as film:
    size = film.width, film.height
    with VideoFile(target, size=size, fps=film.fps, sound=film, live=False) as out:
        film.forward_others(out.copy)  # the packets of its sound
        for result in pipe.stream(film):
            out.write(result.composite, result.seconds)
print(f"wrote {out.frames} frames to {target}")
