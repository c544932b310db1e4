"""What a camera recorded of one frame: read by `pictures`, used by `rules`, imported by both."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capture:
    """The EXIF data of one frame. Most fields may be None: cameras differ, and exports strip metadata.

    `started_seconds` is when the exposure began, by the camera's own clock, in seconds since 1970 as if that
    clock showed UTC; `clock_step_seconds` is its resolution (1.0 without sub-seconds). `offset_seconds` is
    that clock's offset from UTC. `aperture` is the f-number. `exposure_mode` is EXIF's (0 auto, 1 manual,
    2 auto bracket).
    """

    started_seconds: float | None = None
    clock_step_seconds: float = 1.0
    offset_seconds: int | None = None
    exposure_seconds: float | None = None
    aperture: float | None = None
    iso: float | None = None
    bias_ev: float | None = None
    exposure_mode: int | None = None
    flash_fired: bool | None = None
    make: str | None = None
    model: str | None = None
    body_serial: str | None = None
    lens: str | None = None
    focal_mm: float | None = None

    @property
    def exposure_value(self) -> float | None:
        """EV100, higher is darker. None unless aperture, time and ISO are all known."""
        if self.aperture is None or self.exposure_seconds is None or self.iso is None:
            return None
        return math.log2(self.aperture**2 / self.exposure_seconds) - math.log2(self.iso / 100)
