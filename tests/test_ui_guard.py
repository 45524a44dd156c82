"""Requests that attack the control page: each is refused, before anything of ours has looked at it."""

import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pages import Browser, served
from rtseg.ui.address import listen
from rtseg.ui.folders import kept_secret
from rtseg.ui.gallery import Gallery
from rtseg.ui.guard import Guard

PATHS = ("/", "/page/index.html", "/api/state", "/api/cameras", "/api/backgrounds", "/nothing")
FOREIGN = (
    *("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example:8765"),
    *("127.0.0.1@evil.example", "[::2]", "", "0.0.0.0", "10.0.0.7:8765", "xn--localhost", "[", "localhost."),
)
ORIGINS = ("http://evil.example", "null", "", "https://{}", "http://{}.evil.example", "http://localhost:1", "file://")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The user's own, with a picture."""
    folder = tmp_path / "mine"
    folder.mkdir()
    cv2.imwrite(str(folder / "wall.png"), np.full((90, 160, 3), 90, np.uint8))
    return folder


@pytest.fixture
def browser(folder: Path) -> Iterator[Browser]:
    with served(folder) as browser:
        yield browser


@pytest.mark.parametrize("path", PATHS)
def test_nothing_without_the_cookie(browser: Browser, path: str) -> None:
    stranger = Browser(f"http://{browser.host}/?token=x", enter=False)
    for cookie in (None, "", "rtseg=x", browser.cookie[:-1], browser.cookie.replace("=", "=x"), "a" * 5000, "\xff=;"):
        stranger.cookie = cookie or ""
        answer = stranger.ask("GET", path)
        assert answer.status == 403 and set(answer.json) == {"error"}
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "query", ["", "token=", "token=x", "token={}x", "token={0}&token={0}", "TOKEN={}", "token={}%00"]
)
def test_a_wrong_token_opens_nothing(browser: Browser, query: str) -> None:
    token = browser.token.removeprefix("token=")
    answer = Browser(f"http://{browser.host}", enter=False).ask("GET", f"/?{query.format(token)}")
    assert answer.status == 403 and "set-cookie" not in answer.headers


def test_the_token_is_taken_by_the_page_alone(browser: Browser) -> None:
    stranger = Browser(f"http://{browser.host}", enter=False)
    for path in PATHS[1:]:
        assert stranger.ask("GET", f"{path}?{browser.token}").status == 403
    assert stranger.ask("POST", f"/?{browser.token}", b"x").status == 403
    assert stranger.knock() == 403 and stranger.knock(Origin=None) == 403


def test_the_cookie_is_kept_from_scripts_and_other_sites(browser: Browser) -> None:
    answer = Browser(f"http://{browser.host}", enter=False).ask("GET", f"/?{browser.token}")
    flags = {flag.strip().lower() for flag in answer.headers["set-cookie"].split(";")[1:]}
    assert flags == {"path=/", "httponly", "samesite=strict"}
    assert browser.token not in answer.headers["location"]


@pytest.mark.parametrize("host", FOREIGN)
def test_other_names_of_this_machine_are_refused(browser: Browser, host: str) -> None:
    """As after DNS rebinding, when a browser takes us for evil.example."""
    for path in ("/api/state", f"/?{browser.token}"):
        assert browser.ask("GET", path, Host=host).status == 403
    assert browser.knock(Host=host, Origin=f"http://{host}") == 403


def test_two_hosts_are_refused(browser: Browser) -> None:
    with socket.create_connection(browser.host.split(":"), 30) as raw:
        head = (
            f"GET /api/state HTTP/1.1\r\nHost: {browser.host}\r\nHost: evil.example\r\nCookie: {browser.cookie}\r\n\r\n"
        )
        raw.sendall(head.encode())
        assert raw.recv(100).startswith((b"HTTP/1.1 403", b"HTTP/1.1 400"))


@pytest.mark.parametrize("hosts", [["localhost"], ["evil.example", "localhost"], []])
def test_it_needs_no_server_that_refuses_them_first(hosts: list[str]) -> None:
    answers: list[Any] = []

    async def note(*told: Any) -> None:
        answers.append(told)

    with (address := listen("127.0.0.1", 0)).socket:
        cookie = f"rtseg-{address.port}={address.cookie}".encode()
        sent = [*((b"host", host.encode()) for host in hosts), (b"cookie", cookie)]
        asked = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": sent}
        with pytest.raises(StopIteration):  # nothing in it waits, and a loop may be running already
            Guard(note, address)(asked, note, note).send(None)
    assert (len(answers[0]) == 3) == (hosts == ["localhost"]), "the page is asked where there is one host"


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1:9000", "LOCALHOST:9000"])
def test_another_port_of_this_machine_is_let_in(browser: Browser, host: str) -> None:
    """`ssh -L 9000:127.0.0.1:8765` has its own."""
    assert browser.ask("GET", "/api/state", Host=host).status == 200
    assert browser.ask("POST", "/api/backgrounds?name=x.jpg", b"", Host=host, Origin=f"http://{host}").status == 400


@pytest.mark.parametrize("origin", [*ORIGINS, None])
def test_other_pages_change_nothing(browser: Browser, folder: Path, origin: str | None) -> None:
    said = None if origin is None else origin.format(browser.host)
    mine = browser.backgrounds()["wall.png"]["id"]
    assert (
        browser.ask("POST", "/api/backgrounds?name=x.png", (folder / "wall.png").read_bytes(), Origin=said).status
        == 403
    )
    assert browser.ask("DELETE", f"/api/backgrounds/{mine}", Origin=said).status == 403
    assert browser.knock(Origin=said) == 403 and browser.knock() == 101
    assert [path.name for path in folder.iterdir()] == ["wall.png"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_browser_says_of_another_site_is_believed(browser: Browser, site: str) -> None:
    """A cookie knows no ports: a page of another one of this machine's has it too."""
    assert browser.ask("GET", "/api/backgrounds", Sec_Fetch_Site=site).status == 403
    assert browser.ask("GET", "/api/backgrounds", Sec_Fetch_Site="same-origin").status == 200


def test_every_answer_has_the_headers(browser: Browser) -> None:
    mine = browser.backgrounds()["wall.png"]["id"]
    stranger = Browser(f"http://{browser.host}", enter=False)
    asked = [browser.ask("GET", path) for path in (*PATHS, f"/api/backgrounds/{mine}/thumb", f"/?{browser.token}")]
    asked += [browser.ask("PUT", "/"), browser.ask("DELETE", "/api/backgrounds/x"), stranger.ask("GET", "/")]
    for answer in asked:
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy.pop("default-src") == policy.pop("frame-ancestors") == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'" and "unsafe" not in str(policy)
        assert "http" not in str(policy) and "*" not in str(policy)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "access-control-allow-origin" not in answer.headers and "server" not in answer.headers


OUTSIDE = (
    *("../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "....//etc/passwd"),
    *("/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "C:%5cwindows%5cwin.ini", "..%5c..%5cx", "index.html%00.js"),
    *("%00", ".", "..", "%2e%2e", "%252e%252e%252fetc", "wall.png", "mine/wall.png", "__init__.py", "../server.py"),
)


@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_outside_can_be_named(browser: Browser, folder: Path, name: str) -> None:
    (folder.parent / "secret.txt").write_text("secret")
    for path in (f"/page/{name}", f"/api/backgrounds/{name}/thumb", f"/{name}", f"/api/{name}"):
        answer = browser.ask("GET", path)
        assert answer.status in (400, 403, 404, 405), path
        assert b"root:" not in answer.body and b"import" not in answer.body
    assert browser.ask("DELETE", f"/api/backgrounds/{name}").status in (400, 403, 404, 405)
    assert (folder / "wall.png").exists()
    with browser.live() as page:
        answer = page.ask("set", values={"background": {"kind": "picture", "id": name}})
        assert "no such background" in answer["error"]


def test_links_are_left_out(browser: Browser, folder: Path) -> None:
    outside = folder.parent / "private.png"
    cv2.imwrite(str(outside), np.full((90, 160, 3), 200, np.uint8))
    (folder / "link.png").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    assert set(browser.backgrounds()) & {"link.png", "private.png", "loop"} == set()


def test_what_ships_stays(browser: Browser) -> None:
    beach = browser.backgrounds()["beach.jpg"]
    answer = browser.ask("DELETE", f"/api/backgrounds/{beach['id']}")
    assert answer.status == 400 and "stays" in answer.json["error"]
    assert beach["shipped"] and browser.ask("GET", f"/api/backgrounds/{beach['id']}/thumb").body.startswith(b"\xff\xd8")


def test_the_users_own_can_be_deleted(browser: Browser, folder: Path) -> None:
    assert browser.ask("DELETE", f"/api/backgrounds/{browser.backgrounds()['wall.png']['id']}").status == 200
    assert not list(folder.iterdir()) and "wall.png" not in browser.backgrounds()


def test_ids_are_not_names(folder: Path) -> None:
    assert all(item.id.isalnum() and item.name not in item.id for item in Gallery(folder).items())


@pytest.mark.parametrize(
    "message",
    [
        "",
        "x",
        "[]",
        "7",
        "null",
        '{"type": 7}',
        '{"no": "type"}',
        "[" * 5000,
        '{"type": "ready"',
        "\ud7ff" * 9,
        b"\0\1",
    ],
)
def test_nonsense_ends_the_line_and_nothing_else(browser: Browser, message: str | bytes) -> None:
    with browser.live() as page:
        page.socket.send(message)
        try:
            page.say(type="do", action="x", id=1)
            while True:
                said = json.loads(page.socket.recv(timeout=30))
                if said.get("to") == 1:
                    assert said["error"]
                    break
        except Exception as e:
            assert "1003" in str(e) or "received" in str(e)
    assert browser.get("/api/cameras")


def test_the_cookie_lasts_over_a_restart_and_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "data" / "cookie"
    first = kept_secret(path)
    assert kept_secret(path) == first and len(first) > 40
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)  # somebody may have read it
    second = kept_secret(path)
    assert second != first and stat.S_IMODE(path.stat().st_mode) == 0o600
    os.utime(path, (1e9, 1e9))
    third = kept_secret(path)
    assert third != second
    path.write_text("short")
    assert kept_secret(path) not in ("short", third)
    path.unlink()
    (tmp_path / "other").write_text(first)
    (tmp_path / "other").chmod(0o600)
    path.symlink_to(tmp_path / "other")
    assert kept_secret(path) != first


def test_others_are_let_in_by_number_or_name_only_where_that_was_asked_for(tmp_path: Path) -> None:
    with served(tmp_path, listen("0.0.0.0", 0)) as browser:
        port = browser.host.rpartition(":")[2]
        mine = socket.gethostname()
        for host in (f"10.0.0.7:{port}", f"[fe80::1]:{port}", f"{mine}:{port}", f"127.0.0.1:{port}"):
            assert browser.ask("GET", "/api/cameras", Host=host).status == 200, host
        for host in ("evil.example", f"10.0.0.7.evil.example:{port}", f"{mine}.evil.example"):
            assert browser.ask("GET", "/api/cameras", Host=host).status == 403, host
