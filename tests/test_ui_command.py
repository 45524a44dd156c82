"""`rtseg ui` as it is typed: its address, its end, and what stands in its way."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from pages import Browser
from rtseg.cli import app
from rtseg.commands.ui.options import PageOptions
from rtseg.commands.ui.page import PORT, listening
from rtseg.errors import PageError
from rtseg.options.call import call_of
from rtseg.options.saving import save_config
from rtseg.ui.address import listen, refusal
from test_cli import environment, rtseg
from test_stopping import LISTENING

QUICK = ("ui", "--no-open", "--source", "demo", "--model", "fast", "--bg", "#00ff00", "--threads", "1")
MAIN = LISTENING + "from rtseg.start import main; main()"


def parsed(command: str, *words: str) -> typer.Context:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    context: typer.Context = commands[command].make_context(command, list(words))
    return context


def test_it_takes_all_options_of_cam() -> None:
    words = ["--bg", "beach.jpg", "--blur", "7", "--save-power", "--target-fps", "12", "--out", "virtual"]
    ui, cam = parsed("ui", *words, "--port", "0", "--no-open"), parsed("cam", *words)
    assert {name: ui.params[name] for name in cam.params} == cam.params
    assert call_of(ui).command_line() == call_of(cam).command_line().replace("rtseg cam", "rtseg ui")


def test_it_shares_the_config_of_cam(tmp_path: Path) -> None:
    """What the page keeps as default is what `rtseg cam` does from then on, and the other way round."""
    path = tmp_path / "both.toml"
    save_config(path, call_of(parsed("ui", "--blur", "35", "--mirror")))
    assert "[cam]" in path.read_text()
    for command in ("cam", "ui"):
        assert parsed(command, "--config", str(path)).params["blur"] == 35
    path.write_text("[cam]\nwindow = false\nblur = 12\n")
    assert parsed("ui", "--config", str(path)).params["blur"] == 12


def test_ctrl_c_ends_it() -> None:
    """A recording under way is completed, pages are told, and the address is on a line of its own."""
    number = signal.SIGINT
    command = [sys.executable, "-c", MAIN, str(int(number)), *QUICK, "--port", "0", "--out", "talk.mp4"]
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )
    assert process.stdout
    url = next(line.strip() for line in process.stdout if line.startswith("http://127.0.0.1:"))
    with Browser(url).live() as page:
        page.until(lambda: page.stats and page.stats[-1]["fps"])
        page.watch(2)
        process.send_signal(number)
        with pytest.raises(Exception, match=r"1012|close frame"):
            page.until(lambda: False)
    said, _ = process.communicate(timeout=60)
    assert process.returncode in (0, 128 + number), said
    assert "stopped" in said and "frames in" in said and "Traceback" not in said, said
    assert Path("talk.mp4").stat().st_size > 1000


def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = rtseg(*QUICK, "--port", str(port), code=1)
        assert f"error: port {port} is in use by another program; give another --port" in said
    assert rtseg(*QUICK, "--host", "no.such.host.invalid", code=1).startswith("error: --host 'no.such.host.invalid'")


@pytest.mark.parametrize("port", ["fast", "70000", "-1", "1.5"])
def test_what_is_no_port_is_wrong_usage(port: str) -> None:
    assert "--port" in rtseg(*QUICK, f"--port={port}", code=2)


@pytest.mark.parametrize("host", ["", " ", "http://x", "a b", "192.0.2.7", "\0", "x" * 300, "::ffff:192.0.2.7"])
def test_hosts_that_are_none_of_this_machines_are_refused(host: str) -> None:
    with pytest.raises(PageError, match="--host"):
        listen(host, 0).socket.close()


def test_a_forbidden_port_is_said() -> None:
    assert "above 1023" in refusal(PermissionError(13, "Permission denied"), "127.0.0.1", 80)


def test_without_a_port_a_taken_one_is_passed_over() -> None:
    first, second = listening(PageOptions()), listening(PageOptions())
    try:
        assert second.port not in (PORT, first.port) and second.url != first.url
    finally:
        first.socket.close()
        second.socket.close()


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "is not a folder" in rtseg(*QUICK, "--port", "0", "--backgrounds", "file", code=1)


def test_the_help_does_not_wait_for_the_server() -> None:
    code = (
        "import sys, rtseg.cli; print([m for m in ('starlette', 'uvicorn', 'websockets', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_token_is_told_once_and_in_no_message() -> None:
    address = listen("127.0.0.1", 0)
    with address.socket:
        assert address.token not in repr(address) and address.cookie not in repr(address)
        assert address.url.count(address.token) == 1 and len(address.token) > 40
