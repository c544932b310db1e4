"""The uploaded file is the one that was inspected."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from hotfolder.errors import SetChanged
from hotfolder.jobs.steps.uploading import refuse_exchanged
from hotfolder.rules.sets import FileIdentity
from hotfolder.stager.streams import open_photo


def test_another_file_that_the_path_led_to_for_a_moment_is_not_sent(tmp_path: Path) -> None:
    """The room's folder is exchanged for a link between two uses of the path."""
    photo, other = tmp_path / "a.jpg", tmp_path / "elsewhere.jpg"
    photo.write_bytes(b"a kitchen")
    other.write_bytes(b"a private")
    still = partial(refuse_exchanged, photo, FileIdentity.of(photo.lstat()), developed=False)
    with open_photo(photo, 9, still).file as opened:
        assert opened.read() == b"a kitchen"
    with pytest.raises(SetChanged, match=r"a\.jpg was exchanged"):
        open_photo(other, 9, still)
