"""Where frames come from: `opening` finds what --source means, a `camera`, a `video` or, for pipes, `raw` frames.

`cameras` lists and finds cameras, with what `v4l2` says of each; `pictures` reads stills, `picture_size` their sizes
without decoding them.
"""
