"""The pages of a gallery: their data, texts and HTML."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.resources import files
from pathlib import PurePath
from typing import TYPE_CHECKING

from hotfolder import __version__
from hotfolder.display import visible
from hotfolder.errors import LocalTrouble, to_install
from hotfolder.rules.kinds import alteration_text
from hotfolder.rules.roomtypes import without_accents
from hotfolder.words import LANGUAGES, word
from hotfolder.words.saying import translate

if TYPE_CHECKING:
    from jinja2 import Template

FULL = "full"
"""The folder of the pictures as delivered."""
SUFFIXES = (".jpg", ".jpeg", ".png")
NOT_IN_ADDRESSES = re.compile(r"[^a-z0-9]+")
WORD_ENDS = re.compile(r"[-_]+")
HASH_DIGITS = 12
STYLE, SCRIPT, QR = "gallery.css", "gallery.js", "qr.svg"


@dataclass(frozen=True, slots=True)
class GalleryPicture:
    """One delivered picture. `path` is relative to done/; `altered` are kinds of operations, `look` the tags
    that ask for them. With `opaque` its URL has no part of its name."""

    path: str
    sha256: str
    altered: tuple[str, ...] = ()
    look: str = ""
    opaque: bool = False

    @property
    def stem(self) -> str:
        """The file name in the gallery without suffix: ASCII that needs no escaping in URLs. It changes only
        when the picture's path or content does."""
        known_by = f"{self.path}\0{self.sha256}".encode("utf-8", "backslashreplace")
        told_apart = hashlib.sha256(known_by).hexdigest()[:HASH_DIGITS]
        told = NOT_IN_ADDRESSES.sub("-", without_accents(PurePath(self.path).stem.casefold()))[:60].strip("-")
        return f"{told}-{told_apart}" if told and not self.opaque else told_apart

    @property
    def full(self) -> str:
        """The path in the gallery of the picture as delivered."""
        suffix = PurePath(self.path).suffix.lower()
        return f"{FULL}/{self.stem}{suffix if suffix in SUFFIXES else '.jpg'}"

    @property
    def file(self) -> str:
        """The name that it was delivered under, for display."""
        return visible(PurePath(self.path).name)

    def rendition(self, size: str) -> str:
        """The path in the gallery of its rendition of that size."""
        return f"{size}/{self.stem}.jpg"


@dataclass(frozen=True, slots=True)
class Scene:
    """One view: its unaltered picture, if there is one, and the altered ones. `room` is the room's name as in
    the folder; `earlier`: a later set has replaced it."""

    room: str
    unaltered: GalleryPicture | None
    altered: tuple[GalleryPicture, ...] = ()
    earlier: bool = False

    @property
    def title(self) -> str:
        """The room's name for display: `living-room` becomes "Living room"."""
        told = " ".join(WORD_ENDS.sub(" ", visible(self.room)).split())
        return told[:1].upper() + told[1:] if told else visible(self.room)

    def told_apart(self, picture: GalleryPicture) -> str:
        """What tells an altered picture from others of the view with the same kinds of alterations: its tags,
        or the name of its file; "" where there are no such others."""
        others = [one for one in self.altered if one.altered == picture.altered and one != picture]
        if not others:
            return ""
        return picture.file if picture.look in (one.look for one in others) else picture.look

    def pictures(self) -> Iterator[GalleryPicture]:
        if self.unaltered is not None:
            yield self.unaltered
        yield from self.altered


@dataclass(frozen=True, slots=True)
class Gallery:
    """The content of a gallery. `folder` is the project's folder in done/, `url` the gallery's public
    address, empty where none is known."""

    title: str
    folder: str
    scenes: tuple[Scene, ...]
    url: str = ""
    language: str = "en"

    def pictures(self) -> dict[str, GalleryPicture]:
        """All pictures, by path."""
        return {one.path: one for scene in self.scenes for one in scene.pictures()}

    def only(self, paths: Collection[str], *, opaque: bool = False) -> Gallery:
        """The same gallery with these pictures only; scenes without any are dropped."""
        scenes = []
        for scene in self.scenes:
            kept = [replace(one, opaque=opaque) for one in scene.pictures() if one.path in paths]
            unaltered = next((one for one in kept if not one.altered), None)
            altered = tuple(one for one in kept if one.altered)
            if kept:
                scenes.append(replace(scene, unaltered=unaltered, altered=altered))
        return replace(self, scenes=tuple(scenes))


def page_html(
    gallery: Gallery, language: str, addresses: Mapping[str, str], base: str = "", looks: str = ""
) -> str:
    """The page in `language`; `addresses` are the page's URLs by language. Picture URLs begin with `base`,
    those of style and script with `looks`; by default they are relative to the page."""
    return page_template().render(
        gallery=gallery,
        title=visible(gallery.title),
        t=partial(word, language),
        what=lambda one: ", ".join(translate(language, alteration_text(kind)) for kind in one.altered),
        language=language,
        others=[(one, word(one, "gallery.language"), addresses[one]) for one in LANGUAGES if one != language],
        qr=QR if gallery.url else "",
        style=f"{looks}{STYLE}",
        script=f"{looks}{SCRIPT}",
        base=base,
        version=__version__,
    )


def page_files(gallery: Gallery) -> dict[str, bytes]:
    """A gallery's files besides pictures: index.html in the gallery's language, the page in other languages,
    style, script, and the QR code where the URL is known. Raises LocalTrouble where a package is missing."""
    names = {one: "index.html" if one == gallery.language else f"{one}.html" for one in LANGUAGES}
    try:
        made = {name: page_html(gallery, language, names).encode() for language, name in names.items()}
        if gallery.url:
            made[QR] = qr_code(gallery.url)
    except ImportError as error:
        raise LocalTrouble(
            f"a gallery can't be made: the package {error.name} is not installed",
            hint=f"Install it, {to_install('page')}",
        ) from None
    return made | {name: template_file(name) for name in (STYLE, SCRIPT)}


def qr_code(text: str) -> bytes:
    """The text as a QR code, in SVG."""
    import segno  # late: it comes with the extra `page`, as jinja2 does

    drawn = io.BytesIO()
    segno.make_qr(text, error="m").save(drawn, kind="svg", scale=4, border=3, light="#ffffff", dark="#111111")
    return drawn.getvalue()


@cache
def template_file(name: str) -> bytes:
    """A file in `templates` beside this module."""
    return (files("hotfolder.outbox") / "templates" / name).read_bytes()


@cache
def page_template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template_file("gallery.html").decode())
