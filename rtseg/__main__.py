"""`python -m rtseg` is `rtseg`."""

from rtseg.start import main

main()
