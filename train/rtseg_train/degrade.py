"""What light and a cheap camera do to a frame. Pure."""

from __future__ import annotations

import cv2
import numpy as np

from rtseg.arrays import U8, u8

Rng = np.random.Generator
DARK = 0.2  # share of pictures from a dark room
DIM = 45.0  # mean level of a frame below which a camera's gain is up: nearly all are noisy, in grains and in blotches


def light(rng: Rng, frame: U8) -> U8:
    """Brightness, contrast, gamma, colour cast and saturation, through one lookup table per channel."""
    if rng.random() < 0.3:
        grey = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        s = 0.0 if rng.random() < 0.15 else rng.uniform(0.3, 1.6)
        frame = u8(cv2.addWeighted(frame, s, grey, 1 - s, 0))
    if rng.random() < 0.25:
        hue = cv2.cvtColor(frame, cv2.COLOR_BGR2HSV)
        hue[..., 0] = (hue[..., 0].astype(np.int16) + int(rng.integers(-12, 13))) % 180
        frame = u8(cv2.cvtColor(hue, cv2.COLOR_HSV2BGR))
    ramp = np.arange(256, dtype=np.float32) / 255
    gamma = float(np.exp(rng.normal(0, 0.3)))
    contrast, bright = rng.uniform(0.7, 1.3), rng.uniform(0.75, 1.25)
    if rng.random() < DARK:
        bright *= float(np.exp(rng.uniform(np.log(0.12), np.log(0.6))))
    cast = rng.uniform(0.85, 1.15, 3) if rng.random() < 0.5 else np.ones(3)
    table = ((ramp**gamma - 0.5) * contrast + 0.5)[:, None] * bright * cast[None]
    table_u8 = np.clip(table * 255, 0, 255).astype(np.uint8)[None]
    return u8(cv2.LUT(frame, table_u8))


def camera(rng: Rng, frame: U8) -> U8:
    """What a cheap camera does: soft focus, motion, low resolution, sensor noise, JPEG blocks."""
    h, w = frame.shape[:2]
    if rng.random() < 0.15:
        frame = u8(cv2.GaussianBlur(frame, (0, 0), rng.uniform(0.3, 1.4)))
    if rng.random() < 0.08:
        length = int(rng.integers(3, 8))
        kernel = np.zeros((length, length), np.float32)
        cv2.line(kernel, (0, int(rng.integers(length))), (length - 1, int(rng.integers(length))), 1.0)
        frame = u8(cv2.filter2D(frame, -1, kernel / kernel.sum()))
    if rng.random() < 0.12:
        scale = rng.uniform(0.45, 0.9)
        small = cv2.resize(frame, (int(w * scale), int(h * scale)), interpolation=cv2.INTER_AREA)
        frame = u8(cv2.resize(small, (w, h)))
    dim = float(frame.mean()) < DIM
    if rng.random() < (0.8 if dim else 0.3):
        sigma = rng.uniform(1, 12) if rng.random() < 0.8 else rng.uniform(12, 25)
        if dim:
            sigma = rng.uniform(1, 9)
            frame = noisy(rng, frame, sigma * rng.uniform(0, 0.8), coarse=int(rng.integers(2, 5)))
        frame = noisy(rng, frame, sigma)
    if rng.random() < 0.35:
        quality = int(rng.integers(25, 90))
        _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
        frame = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return frame


def noisy(rng: Rng, frame: U8, sigma: float, coarse: int = 1) -> U8:
    """With normal noise, in grains of `coarse` pixels."""
    h, w = frame.shape[:2]
    noise = np.empty((-(-h // coarse), -(-w // coarse), 3), np.float32)
    cv2.setRNGSeed(int(rng.integers(2**31)))
    cv2.randn(noise, 0, float(sigma))  # type: ignore[call-overload]  # scalars are fine
    if coarse > 1:
        noise = np.asarray(cv2.resize(noise, (w, h)), np.float32)
    return u8(cv2.add(frame, noise, dtype=cv2.CV_8U))
