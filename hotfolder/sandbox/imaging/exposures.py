"""Properties of a scene's exposures that a merge of them must keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from hotfolder.sandbox.imaging.contrast import BurntArea, best_contrast, raise_contrast
from hotfolder.sandbox.imaging.masks import graying_gains, nearly_gray, to_lab
from hotfolder.sandbox.imaging.picturefiles import LUMA, WORKING_EDGE, Picture, Plane, blur, shrink, to_bytes
from hotfolder.sandbox.imaging.rises import GradientSigns, agreed_gradients, correct_gradients

# Colours are compared at this size, if at least this share of the pixels is nearly gray.
COLOUR_EDGE = 256
LEAST_GRAY = 0.01
# The lightness L* at which a cast's factors are computed.
GRAY = 65.0
# The sigma of a gray pixel's neighbourhood, as a share of the long edge; the weight of the median.
NEAR, FAR = 0.03, 0.1
MATCHING_ROUNDS = 2
# Each round corrects the rest of the cast; the limits of the total gain.
CAST_ROUNDS, GAINS = 3, (0.8, 1.25)


@dataclass(frozen=True)
class Exposures:
    """Small planes, which outlive the frames that they were computed from."""

    contrast: list[Plane]
    burnt: BurntArea | None
    rises: list[GradientSigns]
    colours: list[Plane]

    @classmethod
    def of(cls, frames: Sequence[Picture], coverage: Sequence[Plane | None]) -> Exposures:
        """From aligned frames, from dark to bright; `coverage` is as for `fuse`."""
        # Once, since shrinking a large frame takes longer than what is computed from it.
        smalls = [shrink(frame, WORKING_EDGE) for frame in frames]
        return cls(
            best_contrast(smalls, coverage),
            BurntArea.of(smalls, coverage),
            agreed_gradients(smalls),
            [to_lab(shrink(small, COLOUR_EDGE)) for small in smalls],
        )

    def matched(self, light: Plane) -> Plane:
        """`light`, the luma of a merge, with the exposures' detail contrast and the gradients that they agree
        on.

        In rounds: correcting gradients lowers some details, and raising details turns some gradients.
        """
        for _ in range(MATCHING_ROUNDS):
            light = raise_contrast(light, self.contrast)
            if self.burnt is not None:
                light = self.burnt.restore(light)
            light = correct_gradients(light, self.rises)
        return light

    def cast_removal_gains(self, colour: Plane) -> Plane:
        """Factors for the channels of a merge (0 to 1) that remove its colour cast, at a small size.

        Without a cast, nearly gray pixels have the colour of the frame that shows them at the same lightness.
        """
        size = self.colours[0].shape[1::-1]
        small = np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_AREA), np.float32)
        gains = np.ones_like(small)
        for _ in range(CAST_ROUNDS):
            gains = np.clip(gains * self.cast_gains(to_lab(to_bytes(small * gains))), *GAINS)
        return np.asarray(gains, np.float32)

    def cast_gains(self, merged: Plane) -> Plane:
        """Factors, without an effect on luma, against the remaining cast of `merged`, a CIELAB picture: the
        local cast near nearly gray pixels, elsewhere their median."""
        levels = np.array([lab[:, :, 0] for lab in self.colours])
        nearest = np.abs(levels - merged[:, :, 0]).argmin(axis=0)
        shown = np.take_along_axis(np.array(self.colours), nearest[None, :, :, None], axis=0)[0]
        grayish = nearly_gray(shown)
        if grayish.mean() < LEAST_GRAY:
            return np.ones_like(merged)
        away = (merged - shown)[:, :, 1:]
        known = grayish.astype(np.float32)[:, :, None]
        sigma = NEAR * max(grayish.shape)
        cast = blur(away * known, sigma) + np.float32(FAR) * np.median(away[grayish], axis=0)
        cast = np.asarray(cast / (blur(known, sigma)[:, :, None] + np.float32(FAR)), np.float32)
        gains = graying_gains(cast, GRAY)
        return np.asarray(gains / cv2.transform(gains, LUMA)[:, :, None], np.float32)
