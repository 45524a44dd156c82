"""What is printed: other people's text as it is, with nothing in it that a terminal obeys or that is secret.

File names, titles and addresses may hold brackets, which are markup to rich, sequences that terminals act on, bytes
that are no letters, and passwords. Imported at every start: nothing heavy.
"""

from __future__ import annotations

import re
import unicodedata

SECRET = "***"  # in the place of a password
ADDRESS = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]{0,40}:/+(?:[^\s/?#:@]*:[^\n/?#@]{0,2000}@)?\S+"
)  # a password may hold spaces
USER = re.compile(r"(?<=:/)(/*[^\s/?#:@]*:).{0,2000}(?=@)|(?<=:/)(/*[^\s/?#:@]*:).{0,2000}(?=%40)", re.IGNORECASE)
ALONE = re.compile(r"(?<=\w\w:/)(/*)[^\s/?#:@]+(?=@)")  # a user without a password may be a key; C:/ is no scheme
BARE = re.compile(r"\A([^\s/:@]*:).*(?=@)", re.DOTALL)
NAMED = re.compile(  # parameters whose name says so
    r"((?:^|[?&;/_#])(?:[\w.%-]{0,40}(?:pass|pwd|psw|token|secret|auth|credential|signature|session|jwt|api_?key|"
    r"access_?key|stream_?key|stream_?name|ticket|hdn)[\w.%-]{0,40}|\w{0,40}pas|pw|psk|key|sig|pin)=)[^\s&;#'\"]+",
    re.IGNORECASE,
)
STREAM = re.compile(r"((?:^|[?&])(?:srt_)?streamid=)[^\s&'\"]+", re.IGNORECASE)  # of SRT, may begin with #!::
PLACE = re.compile(r"([A-Za-z][\w+.-]+:/++[^\s/?#]*)(/[^\s?#'\"]*[^\s?#'\":;,.)\]])")  # an address as far as its path
KEY_AFTER = re.compile(r"(rtmp\w*:/++[^\s/?#]*+/++[^\s/?#]+/+)[^\s'\"]*[^\s'\":;,.)\]]", re.IGNORECASE)
LOGIN = re.compile(r"(/live|/movie|/series|)/[^/]+/[^/]+(/\d+(?:\.\w+)?)\Z")  # name and password as folders
LOGIN_ENDS = (".ts", ".m3u8", ".mp4", ".mkv")  # without live and the like before it
BEGINS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/+")  # of an address; C:/ is none
KINDS = re.compile(r"[0-9]+|[a-z]+|[A-Z]+")
KEPT = "\n\t"  # control characters that our own messages have
# Marks that turn the direction of what follows, by which a name can look like another.
TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def without_secrets(text: str) -> str:
    """The text with SECRET for each password and key in the addresses that it has."""
    return ADDRESS.sub(lambda found: hidden_in(found[0]), text) if ":/" in text else text


def hidden_in(address: str) -> str:
    """One address: `http://user:***@host/?key=***`."""
    if "@" in address or "%40" in address:
        address = USER.sub(lambda found: f"{found[1] or found[2]}{SECRET}", address)
        address = ALONE.sub(lambda found: f"{found[1]}{SECRET}", address)
    if "=" in address:
        address = STREAM.sub(lambda found: f"{found[1]}{SECRET}", address)
        address = NAMED.sub(lambda found: f"{found[1]}{SECRET}", address)
    if address[:4].lower() == "rtmp":
        return KEY_AFTER.sub(lambda found: f"{found[1]}{SECRET}", address)
    if address[:5].lower() == "file:":
        return address
    return PLACE.sub(lambda found: found[1] + hidden_in_path(found[2]), address)


def hidden_in_path(path: str) -> str:
    """A path, `/live/name/***/1.ts`, without names and passwords that stand in it, nor parts that look like keys."""
    if (login := LOGIN.search(path)) and (login[1] or path.lower().endswith(LOGIN_ENDS)):
        path = f"{path[: login.start()]}{login[1]}/{SECRET}/{SECRET}{login[2]}"
    return "/".join(SECRET if any(map(is_key, re.split(r"[^0-9A-Za-z]", part))) else part for part in path.split("/"))


def is_key(word: str) -> bool:
    """Whether letters and figures are mixed as nobody names anything: `h264Preview` and `Channels101` are names."""
    kinds = len(KINDS.findall(word))
    mixed = kinds > 1 and not word.isalpha()
    return (len(word) >= 16 and mixed) or (len(word) >= 10 and kinds - 1 >= 0.45 * (len(word) - 1))


def amount(number: int, noun: str) -> str:
    """`1 frame`, `2 frames`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def without_any(name: str) -> str:
    """What was taken for a file's name and is none: it may be an address whose `http://` was left out."""
    return BARE.sub(lambda found: f"{found[1]}{SECRET}", without_secrets(name))


def as_address(name: object) -> str | None:
    """What was given for a file and is an address, as it may be printed; None for others. A path has lost a slash."""
    text = str(name)
    return (
        without_secrets(BEGINS.sub(lambda found: f"{found[0].rstrip('/')}//", text, 1)) if BEGINS.match(text) else None
    )


def has_secret(value: object) -> bool:
    """Whether it is a text with a password in it."""
    return isinstance(value, str) and without_secrets(value) != value


def spelled_out(text: str) -> str:
    """Control characters, and bytes of a name that are no letters, as `\\x1b`; line breaks and tabs stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in KEPT or harmless(c) else escape(c) for c in text)


def harmless(character: str) -> bool:
    """Whether a terminal does nothing for it: not printable are also spaces of other widths and joined emoji."""
    return character not in TURNS and unicodedata.category(character) in ("Zs", "Cf", "Co", "Cn")


def escape(character: str) -> str:
    """As Python writes it; a byte that is no UTF-8 as that byte."""
    number = ord(character)
    return f"\\x{number - 0xDC00:02x}" if 0xDC80 <= number <= 0xDCFF else repr(character)[1:-1]


def shown(text: str) -> str:
    """A text that may hold anything, as it may be printed."""
    return spelled_out(without_secrets(text))
