"""The text band below offline stagings is legible."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageFont

from hotfolder.sandbox.imaging import engine
from hotfolder.sandbox.imaging.picturefiles import Picture


def test_the_band_is_set_in_letters_that_the_font_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No dash is shown as a box."""
    said: list[str] = []

    def add_band(pixels: Picture, text: str) -> Picture:
        said.append(text)
        return pixels

    monkeypatch.setattr(engine, "add_band", add_band)
    Image.new("RGB", (300, 200), (90, 120, 150)).save(tmp_path / "a.jpg")
    engine.stage(
        tmp_path / "a.jpg",
        tmp_path / "b.png",
        room_type="KIDS_ROOM",
        room_style="midCentury",
        action_type="subtleStaging",
        resolution="low",
        color_types=[],
        remove_furniture=False,
        extra_instructions=None,
    )
    assert said == ["SANDBOX - not staged (kids room, mid century)"]
    font = ImageFont.load_default(40)
    box = bytes(font.getmask("\uffff"))
    assert all(bytes(font.getmask(letter)) != box for letter in said[0].replace(" ", ""))
