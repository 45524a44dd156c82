"""From an .onnx file to an alpha: `networks` opens what a name means, on the provider that `session` could get.

`model` is a file of ours, `fused` one that does the whole frame on CUDA, `foreign` is anybody's. `providers` says why
CUDA does not work.
"""
