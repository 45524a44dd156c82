"""`rtseg apply`: its `options`, the `plan` of what becomes what, `run` to do it, several pictures `side_by_side`."""
