"""From a frame to its composite: on the `cpu`, stage by stage, or on `cuda`, in one graph. `path` is what both are.

`sight` is what the CPU's network is shown of a frame, and what it remembers.
"""
