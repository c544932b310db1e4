"""Photos to send: developed ones exist as long as a job needs them, and each belongs to the given bytes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hotfolder.errors import SetChanged
from hotfolder.jobs.darkroom import Darkroom
from hotfolder.jobs.steps.uploading import refuse_exchanged
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import Developed
from hotfolder.rules.sets import FileIdentity
from hotfolder.stager.streams import open_photo
from tests.support.tiffs import tiff


@pytest.fixture
def darkroom(tmp_path: Path, decoder: Decoder) -> Darkroom:
    (tmp_path / "developed").mkdir()
    return Darkroom(tmp_path / "developed", decoder)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff())
    return path


async def test_the_last_owner_takes_it_away(darkroom: Darkroom, photo: Path) -> None:
    made = await darkroom.developed(photo, "abc", "one", expected=FileIdentity.of(photo.lstat()))
    assert await darkroom.developed(photo, "abc", "two") == made
    darkroom.hand_over("one", "three")
    darkroom.release("one")
    darkroom.release("two")
    assert made.exists()
    darkroom.release("three")
    assert list(darkroom.folder.iterdir()) == []


async def test_it_is_developed_once(darkroom: Darkroom, photo: Path) -> None:
    made = await darkroom.developed(photo, "abc", "one")
    before = FileIdentity.of(made.lstat())
    await darkroom.developed(photo, "abc", "two", expected=FileIdentity.of(photo.lstat()))
    assert FileIdentity.of(made.lstat()) == before


async def test_a_photo_in_another_state_is_not_developed(darkroom: Darkroom, photo: Path) -> None:
    expected = FileIdentity.of(photo.lstat())
    photo.write_bytes(tiff(depth=16))
    with pytest.raises(SetChanged):
        await darkroom.developed(photo, "abc", "one", expected=expected)
    assert list(darkroom.folder.iterdir()) == []


async def test_a_photo_that_changes_meanwhile_leaves_nothing_behind(
    darkroom: Darkroom, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Decoder.develop

    async def slow(self: Decoder, source: Path, target: Path, *rest: Any) -> Developed:
        made = await real(self, source, target, *rest)
        source.write_bytes(tiff(depth=16))
        return made

    monkeypatch.setattr(Decoder, "develop", slow)
    with pytest.raises(SetChanged):
        await darkroom.developed(photo, "abc", "one", expected=FileIdentity.of(photo.lstat()))
    assert list(darkroom.folder.iterdir()) == []


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
