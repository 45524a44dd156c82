"""The kinds of files that are read and written, by the endings of their names: one list for every command and page.

What a file is, is in the file (`sources/kinds.py`); a name counts where there is nothing to look into, as in a
folder that is listed, and for what is going to be written. The standard library alone: completion starts at every Tab.
"""

from __future__ import annotations

JPEG = (".jpg", ".jpeg")
WRITTEN_PICTURES = (*JPEG, ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif")
PICTURES = (*WRITTEN_PICTURES, ".heic", ".heif", ".hif")
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}  # FFmpeg's words
WRITTEN_VIDEOS = tuple(CONTAINERS)
VIDEOS = (
    *WRITTEN_VIDEOS,
    *(".avi", ".mpg", ".mpeg", ".ts", ".flv", ".gif"),
    *(".mts", ".m2ts", ".m2t", ".mod", ".tod", ".vob", ".wmv", ".asf", ".3gp", ".3g2", ".ogv", ".qt", ".f4v", ".divx"),
    *(".mxf", ".dv", ".y4m", ".h264", ".264", ".h265", ".265", ".hevc", ".ivf", ".m2v", ".mjpeg", ".mjpg", ".nut"),
)
READ_PICTURES = "JPEG, PNG, WebP, BMP, TIFF, AVIF, HEIC"  # for messages
READ = f"{READ_PICTURES}; MP4, MOV, MKV, WebM, AVI, MTS, WMV, GIF and most other videos"
