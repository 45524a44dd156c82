"""`rtseg doctor`: `run` shows what the `checks` find."""
