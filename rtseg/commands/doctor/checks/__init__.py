"""What `rtseg doctor` looks at: the `software` here, the `devices`, what `cuda` needs, and a `model` that runs."""
