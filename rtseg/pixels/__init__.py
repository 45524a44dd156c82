"""Arrays in, arrays out: all that is done to pixels and alphas on the CPU, compiled where it is hot.

In a frame's order: `shrink` makes it small, `matte` steadies the network's alpha and fits it to the edges with
`filters`, `alpha_rows` tells where alpha is 0 or 1, `colours` parts the person's from the room's, `blur` softens the
room, `composite` blends. `compiled` is how they are compiled, `linear` and `geometry` are the arithmetic they share.
"""
