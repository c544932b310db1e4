"""Names tell transfers and litter from what somebody meant."""

from __future__ import annotations

import pytest

from hotfolder.inbox.contents import is_junk, is_junk_folder, is_temporary


@pytest.mark.parametrize(
    "name",
    [
        ".::TMPNAME:D:12345%1:IMG_1.jpg",
        ".IMG_1.jpg.a1B2c3",
        "IMG_1.jpg.tmp",
        "IMG_1.jpg.part",
        "IMG_1.JPG.PART",
        "IMG_1.jpg.crdownload",
        "IMG_1.jpg.filepart",
        "~IMG_1.jpg",
        ".IMG_1.jpg",
        ".in.IMG_1.jpg.",
        "IMG_1.jpg~",
        "~syncthing~IMG_1.jpg.tmp",
        ".syncthing.IMG_1.jpg.tmp",
    ],
)
def test_a_transfer_under_way_is_known_by_its_name(name: str) -> None:
    assert is_temporary(name)


@pytest.mark.parametrize(
    "name", ["IMG_1.jpg", "party.jpg", ".picasa.ini", ".hidden.config", "a.template", "part.jpg"]
)
def test_an_ordinary_name_is_no_transfer(name: str) -> None:
    assert not is_temporary(name)


@pytest.mark.parametrize("name", ["._IMG_1.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "@eaDir"])
def test_litter_is_neither_photo_nor_transfer(name: str) -> None:
    assert is_junk(name)
    assert not is_temporary(name)


@pytest.mark.parametrize(
    "name", ["@eaDir", ".stfolder", ".Trash-1000", "#recycle", "$RECYCLE.BIN", "lost+found"]
)
def test_folders_of_the_system_are_no_projects(name: str) -> None:
    assert is_junk_folder(name)


@pytest.mark.parametrize("name", ["12 Elm Road", "kitchen__sky-blue", "Küche"])
def test_ordinary_folders_are_not_junk(name: str) -> None:
    assert not is_junk_folder(name)
