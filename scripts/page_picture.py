"""Takes the README's picture of the control page, docs/control-page.jpg, with the demo clip in it.

Needs Chromium and playwright. A font such as Inter on this machine makes the page look as it does for most.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

TARGET = Path(__file__).parent.parent / "docs" / "control-page.jpg"
SIZE = {"width": 1280, "height": 800}
SCALE, WIDTH = 1.5, 1440  # of the screenshot; pixels of the picture
WARM_UP = 25_000  # milliseconds, in which the plot fills
FOLDER = "Yours are kept in ~/.local/share/rtseg/backgrounds"  # rather than in the one of this run


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        # Not auto: beside a browser that draws without a GPU it would take the cheapest.
        options = ["--source", "demo", "--bg", "beach.jpg", "--model", "balanced", "--no-open", "--port", "0"]
        env = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")} | {"HOME": home}
        server = subprocess.Popen(
            [sys.executable, "-m", "rtseg", "ui", *options], cwd=home, env=env, stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout
            light, dark = pictures(next(line.strip() for line in server.stdout if "?token=" in line))
        finally:
            server.terminate()
            server.wait()
    cv2.imwrite(str(TARGET), halves(light, dark), [cv2.IMWRITE_JPEG_QUALITY, 85])


def pictures(url: str) -> list[np.ndarray]:
    """The page in light and in dark, uint8 HxWx3 BGR."""
    taken = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport=SIZE, device_scale_factor=SCALE)
        page.goto(url)
        page.locator("#veil").wait_for(state="hidden", timeout=120_000)
        page.wait_for_timeout(WARM_UP)
        page.locator(".toast").evaluate_all("(toasts) => toasts.forEach((toast) => toast.remove())")
        page.locator("#folder").evaluate("(el, text) => (el.textContent = text)", FOLDER)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(600)
            png = np.frombuffer(page.screenshot(), np.uint8)
            taken.append(cv2.imdecode(png, cv2.IMREAD_COLOR))
        browser.close()
    return taken


def halves(light: np.ndarray, dark: np.ndarray) -> np.ndarray:
    """Light above a slanted line, dark below it."""
    height, width = light.shape[:2]
    y, x = np.mgrid[:height, :width]
    below = (x - width * 0.83) * 0.9 + (y - height * 0.5) * 0.35 > 0
    both = np.where(below[..., None], dark, light)
    return cv2.resize(both, (WIDTH, round(height * WIDTH / width)), interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()
