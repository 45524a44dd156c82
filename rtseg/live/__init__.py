"""What runs while a camera does: `reader` and `engine` in threads of their own, `loop` shows and writes.

`surface` is where it is seen and told what to do, a window or the control page; `controls` turns keys and wishes into
`settings`, `actions` does what comes of them, `overlay` draws them. Pictures go to `outlets`, and `recorder` is one.
`reconnect` waits for a lost camera, `switching` puts another in its place; `effort` is how much is done for a
frame, with `pace` and `choice`; `status` tells how it goes.
"""
