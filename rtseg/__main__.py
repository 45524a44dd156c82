"""`python -m rtseg` is `rtseg`."""

from rtseg.cli import main

main()
