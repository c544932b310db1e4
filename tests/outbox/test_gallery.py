"""A gallery's pages, and the replacement of its folder."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotfolder.errors import LocalTrouble
from hotfolder.outbox import gallery as making
from hotfolder.outbox import linking
from hotfolder.outbox.files import Sharing
from hotfolder.outbox.gallery import MadeGallery, make_gallery
from hotfolder.outbox.gallerypage import Gallery, GalleryPicture, Scene, page_files
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits
from tests.support.pictures import jpeg
from tests.support.studio import files_below

NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=40)
FOREIGN = os.fsdecode(b"caf\xe9")


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, ...]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        self.found.append((tag, *(name for name, _ in attrs)))


def pair(room: str, path: str) -> Scene:
    unaltered = GalleryPicture(f"{path}.jpg", "0" * 64)
    altered = GalleryPicture(f"{path}__sky.png", "1" * 64, ("sky", "lawn", "stage"))
    return Scene(room, unaltered, (altered,))


@given(title=NAMES, room=NAMES, path=NAMES)
def test_no_name_becomes_markup_or_an_address(title: str, room: str, path: str) -> None:
    """A page with hostile names has the same tags and attributes as one with plain names, in both
    languages."""
    plain = page_files(Gallery("12 Elm Road", "12 Elm Road", (pair("front", "front"),)))
    hostile = page_files(Gallery(title, "folder", (pair(room, path),)))
    assert hostile.keys() == plain.keys() == {"index.html", "de.html", "gallery.css", "gallery.js"}
    for name in ("index.html", "de.html"):
        assert Tags(hostile[name].decode()).found == Tags(plain[name].decode()).found


def test_names_that_are_not_utf_8_can_be_shown() -> None:
    pages = page_files(Gallery(FOREIGN, "folder", (pair(FOREIGN, FOREIGN),), "https://a.example/x/"))
    assert "caf\\xe9" in pages["index.html"].decode()
    assert pages["qr.svg"].startswith(b"<svg") or b"<svg" in pages["qr.svg"]


def test_each_language_says_what_was_altered_in_how_many_pictures() -> None:
    """Each kind of operation has its word; an unknown kind is shown as the receipt has it."""
    scenes = (pair("front", "front"), Scene("hall", GalleryPicture("hall.jpg", "2" * 64)))
    german = page_files(Gallery("Elm", "Elm", scenes))["de.html"].decode()
    assert "3 Bilder, davon 1 digital verändert" in german
    assert "digital verändert: Himmel ersetzt, Rasen ersetzt, virtuell möbliert." in german
    unheard = Scene("front", None, (GalleryPicture("front.jpg", "0" * 64, ("dusting",)),))
    english = page_files(Gallery("Elm", "Elm", (unheard,)))["index.html"].decode()
    assert "1 picture, 1 of them digitally altered" in english
    assert "digitally altered: dusting." in english


def test_pictures_of_one_room_with_the_same_alterations_are_told_apart() -> None:
    """By their tags; where those are the same, too, by their files' names."""
    looks = ("sky-blue", "sky-twilight", "sky-blue")
    altered = [GalleryPicture(f"a{n}.png", "1" * 64, ("sky",), look) for n, look in enumerate(looks)]
    lawn = GalleryPicture("a.png", "2" * 64, ("lawn",), "lawn-light")
    scene = Scene("front", GalleryPicture("front.jpg", "0" * 64), (*altered, lawn))
    page = page_files(Gallery("Elm", "Elm", (scene,)))["index.html"].decode()
    badges = re.findall('<p class="badge">(.*?)</p>', page)
    sky = "Altered digitally: sky replaced"
    assert badges == [
        "Unaltered",
        *(f"{sky} ({apart})" for apart in ("a0.png", "sky-twilight", "a2.png")),
        "Altered digitally: lawn replaced",
    ]


def delivered(done: Path, name: str) -> Scene:
    content = jpeg()
    (done / "Elm").mkdir(exist_ok=True, parents=True)
    (done / "Elm" / name).write_bytes(content)
    picture = GalleryPicture(f"Elm/{name}", hashlib.sha256(content).hexdigest())
    return Scene(name, picture)


async def made_of(
    folder: Path, scenes: Sequence[Scene], decoder: Decoder, limits: PictureLimits | None = None
) -> MadeGallery:
    gallery = Gallery("Elm", "Elm", tuple(scenes))
    return await make_gallery(folder, gallery, decoder, limits or PictureLimits(), Sharing())


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("exchanges", [True, False])
async def test_a_gallery_takes_the_place_of_the_one_before_also_where_no_exchange_is_known(
    tmp_path: Path, decoder: Decoder, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    """This is the case on NFS. Existing renditions are used again; nothing is left beside the folder."""

    def unknown(*_: object) -> None:
        raise linking.Unsupported

    if not exchanges:
        monkeypatch.setattr(linking, "exchange", unknown)
    scenes = [delivered(tmp_path, "a.jpg")]
    made = []
    for name in ("b.jpg", "c.jpg"):
        scenes.append(delivered(tmp_path, name))
        made.append(await made_of(tmp_path, scenes, decoder))
    assert [one.pictures for one in made] == [2, 3]
    again = await made_of(tmp_path, scenes, decoder)
    assert again.pictures == 3 and not again.anew
    assert names_in(tmp_path / "Elm") == ["a.jpg", "b.jpg", "c.jpg", "gallery"]
    assert len(list((made[1].folder / "small").iterdir())) == 3


async def test_a_gallery_that_was_made_anew_meanwhile_stays_and_gets_no_second_pages(
    tmp_path: Path, decoder: Decoder
) -> None:
    """By another machine, or by `hotfolder gallery`: of two, the slower one may know less."""
    scenes = [delivered(tmp_path, f"{name}.jpg") for name in "abcdef"]
    slow, quick = await asyncio.gather(
        made_of(tmp_path, scenes, decoder), made_of(tmp_path, scenes[:1], decoder), return_exceptions=True
    )
    assert isinstance(slow, LocalTrouble) and isinstance(quick, MadeGallery)
    assert not [path for path in quick.folder.rglob("*") if "(yours)" in path.name]
    assert len(list((quick.folder / "full").iterdir())) == 1
    assert (await made_of(tmp_path, scenes, decoder)).pictures == 6


async def test_whatever_goes_wrong_the_gallery_before_stays_as_it_was(
    tmp_path: Path, decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = [delivered(tmp_path, "a.jpg")]
    made = await made_of(tmp_path, scenes, decoder)
    before = files_below(made.folder)
    scenes.append(delivered(tmp_path, "b.jpg"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for step in ("add_picture", "reuse_rendition", "keep_foreign_files", "exchange_folders"):
        with monkeypatch.context() as patched:
            patched.setattr(making, step, full)
            with pytest.raises(LocalTrouble, match="the disk is full"):
                await made_of(tmp_path, scenes, decoder)
        assert files_below(made.folder) == before
        assert names_in(tmp_path / "Elm") == ["a.jpg", "b.jpg", "gallery"]


async def test_what_can_not_be_decoded_is_left_out(tmp_path: Path, decoder: Decoder) -> None:
    """It was whole when delivered, and exceeds today's limits for decoding."""
    scenes = (delivered(tmp_path, "a.jpg"),)
    with pytest.raises(LocalTrouble, match="would be empty"):
        await made_of(tmp_path, scenes, decoder, PictureLimits(pixels=100))
    assert names_in(tmp_path / "Elm") == ["a.jpg"]


@pytest.mark.parametrize(
    ("name", "stem"), [("Gäste-WC ✨", "gaste-wc"), ("Straße 5", "strasse-5"), ("☀", "")]
)
def test_a_picture_s_address_keeps_the_letters_of_its_name(name: str, stem: str) -> None:
    named, plain = (
        GalleryPicture(f"Elm/{name}.jpg", "0" * 64),
        GalleryPicture(f"Elm/{name}.jpg", "0" * 64, opaque=True),
    )
    assert named.stem == f"{stem}-{plain.stem}".lstrip("-")
