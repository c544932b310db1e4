"""The pages of a gallery: what they show, in which words, and their HTML."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from typing import TYPE_CHECKING

from hotfolder import __version__
from hotfolder.display import visible
from hotfolder.errors import LocalTrouble, to_install
from hotfolder.pictures.facts import Rendered

if TYPE_CHECKING:
    from jinja2 import Template

FULL = "full"
"""The folder with the pictures as delivered."""
SUFFIXES = (".jpg", ".jpeg", ".png")
NOT_IN_ADDRESSES = re.compile(r"[^a-z0-9]+")
WORD_ENDS = re.compile(r"[-_]+")
HASH_DIGITS = 12
STYLE, SCRIPT, QR = "gallery.css", "gallery.js", "qr.svg"


@dataclass(frozen=True, slots=True)
class GalleryPicture:
    """One delivered picture. `path` is relative to done/; `altered` are kinds of operations; `room` is its
    room's name, as the folder has it. `opaque`: no part of its name is in its address."""

    path: str
    sha256: str
    room: str
    altered: tuple[str, ...] = ()
    variant: str = ""
    opaque: bool = False

    @property
    def stem(self) -> str:
        """Its name in the gallery: letters and digits that mean the same in every address, for as long as the
        picture is the same."""
        told = (
            "" if self.opaque else NOT_IN_ADDRESSES.sub("-", PurePath(self.path).stem.lower())[:60].strip("-")
        )
        known_by = f"{self.path}\0{self.sha256}".encode("utf-8", "backslashreplace")
        told_apart = hashlib.sha256(known_by).hexdigest()
        return "-".join(filter(None, (told, told_apart[:HASH_DIGITS])))

    @property
    def full(self) -> str:
        """Where it lies in the gallery as delivered."""
        suffix = PurePath(self.path).suffix.lower()
        return f"{FULL}/{self.stem}{suffix if suffix in SUFFIXES else '.jpg'}"

    def rendition(self, size: str) -> str:
        """Where its rendition of that size lies in the gallery."""
        return f"{size}/{self.stem}.jpg"


@dataclass(frozen=True, slots=True)
class Scene:
    """One view: its unaltered picture, None where there is none, and what was made of it. `earlier`: it was
    made anew since."""

    room: str
    unaltered: GalleryPicture | None
    altered: tuple[GalleryPicture, ...] = ()
    earlier: bool = False

    def pictures(self) -> Iterator[GalleryPicture]:
        if self.unaltered is not None:
            yield self.unaltered
        yield from self.altered


@dataclass(frozen=True, slots=True)
class Gallery:
    """What a gallery is to show. `folder` is the project's in done/, `url` where the gallery is to be seen,
    empty where nobody said."""

    title: str
    folder: str
    scenes: tuple[Scene, ...]
    url: str = ""
    language: str = "en"

    def pictures(self) -> dict[str, GalleryPicture]:
        """All of them, by their paths."""
        return {one.path: one for scene in self.scenes for one in scene.pictures()}


@dataclass(frozen=True, slots=True)
class GalleryWords:
    """What a gallery says, in one language. `done_to` is what was altered by each kind of operation."""

    language: str
    name: str
    done_to: Mapping[str, str]
    altered: str
    unaltered: str
    disclosure: str
    alone: str
    intro: str
    pairs: str
    others: str
    earlier: str
    one_picture: str
    pictures: str
    none_altered: str
    some_altered: str
    download: str
    proof: str
    this_page: str
    close: str
    before: str
    after: str
    compare: str

    def counted(self, number: int, altered: int) -> str:
        """Such as "12 pictures, 3 of them altered digitally"."""
        told = self.one_picture if number == 1 else self.pictures.format(number=number)
        return f"{told}{self.some_altered.format(number=altered) if altered else self.none_altered}"

    def what(self, altered: tuple[str, ...]) -> str:
        """Such as "sky replaced, virtually staged"."""
        return ", ".join(self.done_to.get(kind, kind) for kind in altered)


LANGUAGES = {
    "en": GalleryWords(
        language="en",
        name="English",
        done_to={"sky": "sky replaced", "lawn": "lawn replaced", "stage": "virtually staged"},
        altered="Altered digitally",
        unaltered="Unaltered",
        disclosure="This image has been digitally altered: {what}. The original, unaltered image is shown"
        " beside it.",
        alone="This image has been digitally altered: {what}. The original, unaltered image is not on this"
        " page; ask the photographer for it.",
        intro="Where an image has been digitally altered, that is said below it, and the original, unaltered"
        " image is shown beside it, as California’s AB 723 (Business and Professions Code § 10140.8) asks.",
        pairs="Altered, beside the original",
        others="As photographed",
        earlier="Earlier versions",
        one_picture="1 picture",
        pictures="{number} pictures",
        none_altered=", none of them altered",
        some_altered=", {number} of them digitally altered",
        download="Download",
        proof="File and checksum",
        this_page="This page, with all originals",
        close="Close",
        before="Previous picture",
        after="Next picture",
        compare="Compare: original on the left, altered on the right",
    ),
    "de": GalleryWords(
        language="de",
        name="Deutsch",
        done_to={"sky": "Himmel ersetzt", "lawn": "Rasen ersetzt", "stage": "virtuell möbliert"},
        altered="Digital verändert",
        unaltered="Unverändert",
        disclosure="Dieses Bild wurde digital verändert: {what}. Das unveränderte Original steht daneben.",
        alone="Dieses Bild wurde digital verändert: {what}. Das unveränderte Original ist nicht auf dieser"
        " Seite; fragen Sie den Fotografen danach.",
        intro="Wo ein Bild digital verändert wurde, steht das darunter, und das unveränderte Original"
        " daneben, wie es Kaliforniens AB 723 (Business and Professions Code § 10140.8) verlangt.",
        pairs="Verändert, neben dem Original",
        others="Wie fotografiert",
        earlier="Frühere Fassungen",
        one_picture="1 Bild",
        pictures="{number} Bilder",
        none_altered=", keines verändert",
        some_altered=", davon {number} digital verändert",
        download="Herunterladen",
        proof="Datei und Prüfsumme",
        this_page="Diese Seite mit allen Originalen",
        close="Schließen",
        before="Voriges Bild",
        after="Nächstes Bild",
        compare="Vergleichen: links das Original, rechts das veränderte Bild",
    ),
}


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """One picture as the page shows it. `what` says what was altered; `sentence` is its disclosure."""

    picture: GalleryPicture
    small: Rendered | None
    name: str
    what: str = ""
    sentence: str = ""
    beside: str = ""

    @property
    def anchor(self) -> str:
        return f"p-{self.picture.stem}"

    @property
    def file(self) -> str:
        return visible(PurePath(self.picture.path).name)


@dataclass(frozen=True, slots=True)
class ShownScene:
    """A scene as the page shows it: its unaltered picture first."""

    name: str
    pictures: tuple[ShownPicture, ...]
    altered: bool
    earlier: bool


def views(gallery: Gallery, sizes: Mapping[str, Rendered], words: GalleryWords) -> Iterator[ShownScene]:
    for scene in gallery.scenes:
        beside = scene.unaltered.rendition("large") if scene.unaltered is not None else ""
        name = title_of(scene.room)
        pictures = []
        for one in scene.pictures():
            small, what = sizes.get(one.rendition("small")), words.what(one.altered)
            sentence = (words.disclosure if beside else words.alone).format(what=what) if what else ""
            pictures.append(ShownPicture(one, small, name, what, sentence, beside if what else ""))
        yield ShownScene(name, tuple(pictures), bool(scene.altered), scene.earlier)


def title_of(room: str) -> str:
    """`living-room` as Living room."""
    told = " ".join(WORD_ENDS.sub(" ", visible(room)).split())
    return told[:1].upper() + told[1:] if told else visible(room)


def page_html(
    gallery: Gallery,
    sizes: Mapping[str, Rendered],
    language: str,
    others: Mapping[str, str],
    *,
    qr: bool = False,
    base: str = "",
) -> str:
    """The page in that language. `others` are the addresses of the same page in other ones; `sizes` those of
    the renditions, by name. What it refers to lies beside it, or below the address `base`. Raises
    LocalTrouble where a package is missing."""
    words = LANGUAGES[language]
    everything = list(views(gallery, sizes, words))
    shown = [one for view in everything for one in view.pictures]
    return template().render(
        title=visible(gallery.title),
        words=words,
        counted=words.counted(len(shown), sum(bool(one.what) for one in shown)),
        pairs=[view for view in everything if view.altered and not view.earlier],
        plain=[view for view in everything if not view.altered and not view.earlier],
        earlier=[view for view in everything if view.earlier],
        others=[(LANGUAGES[one], address) for one, address in others.items()],
        url=gallery.url,
        qr=QR if qr else "",
        style=STYLE,
        script=SCRIPT,
        base=base,
        version=__version__,
    )


def page_files(gallery: Gallery, sizes: Mapping[str, Rendered]) -> dict[str, bytes]:
    """What lies beside the pictures: index.html in the gallery's language, the other languages, style and
    script, and the QR code where the gallery's address is known. Raises LocalTrouble."""
    names = {one: "index.html" if one == gallery.language else f"{one}.html" for one in LANGUAGES}
    made = {
        name: page_html(
            gallery,
            sizes,
            language,
            {one: other for one, other in names.items() if one != language},
            qr=bool(gallery.url),
        ).encode()
        for language, name in names.items()
    }
    made |= {name: part(name) for name in (STYLE, SCRIPT)}
    if gallery.url:
        made[QR] = qr_code(gallery.url)
    return made


def qr_code(text: str) -> bytes:
    """An SVG. Raises LocalTrouble where the package is missing, or the text too long."""
    try:
        import segno
    except ImportError:
        raise missing("segno") from None
    drawn = io.BytesIO()
    segno.make_qr(text, error="m").save(drawn, kind="svg", scale=4, border=3, light="#ffffff", dark="#111111")
    return drawn.getvalue()


@cache
def part(name: str) -> bytes:
    """One of the files beside this one."""
    return (files("hotfolder.outbox") / "templates" / name).read_bytes()


@cache
def template() -> Template:
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError:
        raise missing("jinja2") from None
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(part("gallery.html").decode())


def missing(package: str) -> LocalTrouble:
    return LocalTrouble(
        f"a gallery can't be made: the package {package} is not installed",
        hint=f"Install it, {to_install('page')}",
    )


@cache
def appearance() -> str:
    """Changes with every change of what pages look like and say."""
    told = [__version__, repr(LANGUAGES), *(part(name).hex() for name in ("gallery.html", STYLE, SCRIPT))]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()
