"""Where the page is: the socket it is served on, its secrets, and opening it in the browser."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
import webbrowser
from dataclasses import dataclass, field
from threading import Thread

from rtseg.errors import PageError
from rtseg.ui.folders import new_secret

LOOPBACK = ("127.0.0.1", "localhost", "::1")
BACKLOG = 32


@dataclass(frozen=True)
class Address:
    """A socket that listens, and what a browser needs to be let in."""

    socket: socket.socket
    host: str  # as it was asked for
    token: str = field(default_factory=new_secret, repr=False)  # in the address, new at each start
    cookie: str = field(default_factory=new_secret, repr=False)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    @property
    def local(self) -> bool:
        """Whether only programs of this machine can reach it."""
        return ipaddress.ip_address(self.socket.getsockname()[0]).is_loopback

    @property
    def names(self) -> frozenset[str]:
        """What a browser may call this machine. Numbers are let in besides, where others can reach it: see guard.py."""
        mine = () if self.local else (socket.gethostname().lower(), f"{socket.gethostname().lower()}.local")
        return frozenset((*LOOPBACK, self.host.lower(), *mine)) - {"0.0.0.0", "::"}

    @property
    def url(self) -> str:
        """What to open; it holds the token."""
        shown = self.host
        if self.host in ("0.0.0.0", "::"):
            shown = own_number() or "127.0.0.1"
        return f"http://{f'[{shown}]' if ':' in shown else shown}:{self.port}/?token={self.token}"


def listen(host: str, port: int) -> Address:
    """Raises PageError where the page can't be served there."""
    if not host.strip() or "/" in host or any(c.isspace() for c in host):
        raise PageError(f"--host {host!r} is no name or number of this machine; leave it out, or give 0.0.0.0 for all")
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as e:
        why = getattr(e, "strerror", None) or e
        raise PageError(f"--host {host!r} is not known here: {why}; leave it out for this machine alone") from e
    try:
        if os.name != "nt":  # there it would let two programs share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(BACKLOG)
    except OSError as e:
        listening.close()
        raise PageError(refusal(e, host, port)) from e
    return Address(listening, host)


def refusal(e: OSError, host: str, port: int) -> str:
    """Why a port can't be listened on, and what to do."""
    if e.errno == errno.EADDRINUSE:
        return f"port {port} is in use by another program; give another --port, or none for a free one"
    if e.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} is not allowed to you ({e.strerror}); give a --port above 1023, or none for a free one"
    if e.errno == errno.EADDRNOTAVAIL:
        return f"--host {host} is no address of this machine; leave it out, or give 0.0.0.0 for all it has"
    return f"the page can't be served on {host}, port {port}: {e.strerror or e}; give another --host or --port"


def own_number() -> str | None:
    """This machine's number in its network; nothing is sent to find it out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("192.0.2.1", 9))  # of no network there is: RFC 5737
        except OSError:
            return None
        return str(asking.getsockname()[0])


def open_browser(url: str) -> None:
    """Try to, without waiting for it; where there is no browser, nothing happens: the address is printed too."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return  # a browser of the terminal would take it over
    Thread(target=webbrowser.open, args=(url,), name="browser", daemon=True).start()
