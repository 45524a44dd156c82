"""`rtseg ui`: the control page. `server` and `guard` answer browsers, `stream` is a page's live line to the session.

`surface` is the session's side of it, `gallery` and `uploads` the backgrounds, `wishes` what a page may ask for. What
runs in the browser is in `page/`.
"""
