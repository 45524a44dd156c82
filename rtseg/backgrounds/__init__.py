"""What stands behind the person: `behind` holds it, `opening` opens what --bg names.

`background` is a picture or a colour, `film` a video: it chooses the picture for a moment, of those in
`film_file`.
"""
