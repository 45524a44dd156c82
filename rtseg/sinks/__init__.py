"""Where composites go: the `window`, a `video_file`, a `virtual` camera, a `sequence` of pictures, `raw` to a pipe.

A video file is written as `encoders` chooses, with `sound`; `fragments` mends one whose end is missing. `loopback` is
what is behind a virtual camera on Linux, `snapshot` names what a key saved.
"""
