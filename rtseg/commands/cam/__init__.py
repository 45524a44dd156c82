"""`rtseg cam`: its `options`, `capture` from a command line to the config that it leaves, a `session` of `sources`."""
