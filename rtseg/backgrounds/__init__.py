"""What stands behind the person: `scene` opens what --bg names, `background` is a picture or a colour, `film` a video.

`reel` gives a film's pictures in order, `film` chooses the one for a moment.
"""
