"""A pinhole camera for the renderer, and the body behind it: exposure, noise, clipping, tone curve."""

from dataclasses import dataclass
from functools import cached_property
from math import cos, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from hotfolder.demo.textures import Floats

SENSOR_WIDTH_MM = 36.0


@dataclass(frozen=True)
class Pinhole:
    """Where the camera stands and looks. `shift` moves the horizon down, in picture heights."""

    position: tuple[float, float, float]
    yaw_degrees: float
    width: int
    height: int
    focal_mm: float
    pitch_degrees: float = 0.0
    roll_degrees: float = 0.0
    shift: float = 0.0

    @property
    def focal_px(self) -> float:
        return self.width * self.focal_mm / SENSOR_WIDTH_MM

    @cached_property
    def axes(self) -> Floats:
        """Rows: right, up, forward."""
        yaw, pitch, roll = (radians(a) for a in (self.yaw_degrees, self.pitch_degrees, self.roll_degrees))
        forward = np.array([sin(yaw) * cos(pitch), cos(yaw) * cos(pitch), sin(pitch)])
        right = np.array([cos(yaw), -sin(yaw), 0.0])
        up = np.cross(right, forward)
        tilted_right = cos(roll) * right + sin(roll) * up
        tilted_up = cos(roll) * up - sin(roll) * right
        return np.stack([tilted_right, tilted_up, forward]).astype(np.float32)

    def rays(self, px: Floats, py: Floats) -> Floats:
        """Unit directions, (3, N), through pixel positions (a pixel's centre lies at +0.5)."""
        x = (px - self.width / 2) / self.focal_px
        y = (self.height * (0.5 + self.shift) - py) / self.focal_px
        right, up, forward = self.axes
        direction = right[:, None] * x + up[:, None] * y + forward[:, None]
        return np.asarray(direction / np.sqrt((direction**2).sum(0)), np.float32)

    def project(self, points: Floats) -> tuple[Floats, Floats, Floats]:
        """Pixel x, pixel y and depth along the view for points (3, N); depth <= 0 lies behind the camera."""
        local = self.axes @ (points - np.asarray(self.position, np.float32)[:, None])
        depth = np.where(np.abs(local[2]) < 1e-6, np.float32(1e-6), local[2])
        x = local[0] / depth * self.focal_px + self.width / 2
        y = self.height * (0.5 + self.shift) - local[1] / depth * self.focal_px
        return x, y, local[2]


def glare(radiance: Floats) -> Floats:
    """What a real lens spreads around bright windows: a narrow glow and a faint wide veil."""
    span = radiance.shape[1]
    near = cv2.GaussianBlur(radiance, (0, 0), span * 0.0025)
    small = cv2.resize(radiance, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
    wide = cv2.GaussianBlur(small, (0, 0), max(1.0, small.shape[1] * 0.03))
    veil = cv2.resize(wide, (span, radiance.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(radiance * 0.972 + near * 0.022 + veil * 0.006, np.float32)


def expose(radiance: Floats, ev: float, *, seed: int, iso: int = 100) -> NDArray[np.uint8]:
    """An sRGB frame (uint8, RGB), `ev` stops from the exposure at which a radiance of 1.0 saturates."""
    generator = np.random.default_rng(seed)
    light = radiance * np.float32(2.0**ev)
    full_well = 52000.0 * 100 / iso
    deviation = np.sqrt(np.clip(light, 0, 1) / full_well + (2.6e-4 * iso / 100) ** 2)
    grain = cv2.GaussianBlur(generator.standard_normal(light.shape, np.float32), (0, 0), 0.55)
    raw = np.clip(light + 1.7 * deviation * grain, 0, 1)
    return np.asarray(tone(raw) * 255 + 0.5, np.uint8)


def tone(raw: Floats) -> Floats:
    """The body's picture style: sRGB with a gentle toe and shoulder over linear sensor values from 0 to 1."""
    lifted = raw * 1.55 / (1 + 0.55 * raw)
    encoded = np.where(
        lifted <= 0.0031308, 12.92 * lifted, 1.055 * np.maximum(lifted, 1e-6) ** (1 / 2.4) - 0.055
    )
    curved = encoded - 0.022 * np.sin(2 * np.pi * encoded)
    return np.clip(curved, 0, 1).astype(np.float32)
