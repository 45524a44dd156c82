"""What runs while a camera does: `engine` reads and composites in threads of their own, `loop` shows and writes.

`reconnect` waits for a lost camera, `pace` holds the rate, `controls` turns keys into `settings`, `overlay` draws them,
`recorder` writes what the key for it asks, `journal` says how it goes.
"""
