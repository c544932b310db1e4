"""Nothing that a photo says of itself is lost on the way, judged by a program that knows all of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.everykind import outcomes

pytestmark = pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")


def test_every_tag_is_carried_or_changed_for_a_reason(tmp_path: Path) -> None:
    """The table in docs/metadata.md, with its last column empty."""
    for kind, groups in outcomes(tmp_path):
        assert {name: seen.lost for name, seen in groups.items() if seen.lost} == {}, kind
        assert sum(len(seen.carried) for seen in groups.values()) >= 140, kind
        assert {"IFD0", "ExifIFD", "GPS", "IPTC", "Photoshop", "XMP-dc", "ICC_Profile"} <= groups.keys()
