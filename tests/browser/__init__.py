"""The control page in a real browser: `pytest tests/browser`. Skipped, with the reason, where there is none."""
