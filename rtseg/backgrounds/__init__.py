"""What stands behind the person: `behind` holds it, `scene` opens what --bg names.

`background` is a picture or a colour, `film` a video: it chooses the picture for a moment, `reel` gives them in order.
"""
