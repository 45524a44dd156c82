"""Who is let in: each request is looked at before anything of ours sees it.

Other pages in the same browser can send requests here, and names of theirs can lead here (DNS rebinding). So the Host
has to be one of this machine's, the Origin of whatever changes something has to be this very page, and all but the
address with the token needs the cookie that it gives.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rtseg.ui.address import Address

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
SAFE = ("GET", "HEAD")  # methods that change nothing
REFUSED_SOCKET = 1008  # "policy violation"; before a WebSocket is accepted it becomes a 403
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class Guard:
    """An ASGI app around another one, which sees nothing of what is refused."""

    def __init__(self, app: App, address: Address) -> None:
        self._app, self._address = app, address
        self.cookie_name = f"rtseg-{address.port}"  # browsers keep no ports apart

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if problem := self._problem(scope, headers):
            await refuse(scope, send, problem)
        elif scope["type"] == "websocket" or self._has_cookie(headers):
            await self._app(scope, receive, protected(send))
        else:
            await self._let_in(send)

    def _problem(self, scope: Scope, headers: dict[str, str]) -> str | None:
        """Why a request is refused, or None."""
        hosts = [value for name, value in scope["headers"] if name.lower() == b"host"]
        if len(hosts) != 1 or not self._is_ours(host := headers["host"]):
            return "this is not an address of the control page"
        web_socket = scope["type"] == "websocket"
        origin = headers.get("origin")
        if origin is None and (web_socket or scope["method"] not in SAFE):
            return "a request without an origin"
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            return "a request from another page"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and scope["path"] != "/":
            return "a request from another page"
        if self._has_cookie(headers) or (not web_socket and self._has_token(scope)):
            return None
        return "open the address that rtseg has printed in its terminal"

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header names this machine, on any port: `ssh -L` has its own."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in self._address.names:
            return True
        return not self._address.local and is_number(name)  # which no name server can make lead elsewhere

    def _has_cookie(self, headers: dict[str, str]) -> bool:
        try:
            given = SimpleCookie(headers.get("cookie", "")).get(self.cookie_name)
        except CookieError:
            return False
        return given is not None and same(given.value, self._address.cookie)

    def _has_token(self, scope: Scope) -> bool:
        """Only the page's own address takes the token."""
        if scope["path"] != "/" or scope["method"] not in SAFE:
            return False
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        return len(given) == 1 and same(given[0], self._address.token)

    async def _let_in(self, send: Send) -> None:
        """The cookie, and the address without the token, which stays out of the browser's history."""
        cookie = f"{self.cookie_name}={self._address.cookie}; Path=/; HttpOnly; SameSite=Strict"
        headers = {**HEADERS, "location": "/", "set-cookie": cookie, "content-length": "0"}
        await send({"type": "http.response.start", "status": 303, "headers": as_bytes(headers)})
        await send({"type": "http.response.body", "body": b""})


def same(given: str, secret: str) -> bool:
    """Compared in a time that tells nothing."""
    return secrets.compare_digest(given.encode("utf-8", "surrogateescape"), secret.encode())


def is_number(name: str) -> bool:
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def as_bytes(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def protected(send: Send) -> Send:
    """`send`, with HEADERS on every answer that has none of its own."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", []))
            names = {name.lower() for name, _ in given}
            added = {name: value for name, value in HEADERS.items() if name.encode() not in names}
            message = {**message, "headers": [*given, *as_bytes(added)]}
        await send(message)

    return sending


async def refuse(scope: Scope, send: Send, why: str) -> None:
    """403, before a WebSocket is opened too."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": REFUSED_SOCKET, "reason": why})
        return
    body = f'{{"error": "{why}"}}'.encode()
    headers = {**HEADERS, "content-type": "application/json", "content-length": str(len(body))}
    await send({"type": "http.response.start", "status": 403, "headers": as_bytes(headers)})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
