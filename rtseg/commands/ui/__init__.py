"""`rtseg ui`: its `options` beside those of `cam`, and the `page` that it opens in the window's place."""
