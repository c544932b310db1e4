"""A project's gallery: a folder of static files that shows its pictures, on any host and from a disk.

Every altered picture stands in it beside its unaltered one. It is made in a temporary folder, and takes its
place in one step.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from anyio import to_thread
from pydantic import BaseModel, Field

from hotfolder import __version__, log
from hotfolder.display import visible
from hotfolder.errors import LocalTrouble, UnusablePhoto
from hotfolder.newfiles import new_file, open_beneath, own_prefix
from hotfolder.outbox import linking
from hotfolder.outbox.faults import SOON, local_trouble, shown
from hotfolder.outbox.files import PIECE_BYTES, Sharing, fingerprint, pieces_of
from hotfolder.outbox.gallerypage import FULL, Gallery, GalleryPicture, page_files
from hotfolder.outbox.outputs import refuse_links
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits, Rendering
from hotfolder.rules.delivery import GALLERY

MANIFEST = "gallery.json"
"""Says what is in a gallery; by it a folder is known as one that hotfolder made."""
SIZES = {"small": Rendering(80, 60, 960), "large": Rendering(85, 60, 2400)}
"""The renditions in a gallery, by the folder that they lie in."""

logger = log.get("gallery")


class ManifestPicture(BaseModel):
    """A picture in a gallery: where it was `delivered`, relative to done/, and where it lies in the gallery.
    `unaltered` is the SHA-256 of the one that it stands beside."""

    delivered: str
    full: str
    sha256: str
    altered: tuple[str, ...] = ()
    unaltered: str = ""


class Manifest(BaseModel):
    """What a gallery says of itself. `told` is what it was made of, `files` what hotfolder has put there, by
    relative path with the SHA-256 of each."""

    made_by: str = Field(pattern="^hotfolder ")
    told: str
    url: str = ""
    pictures: tuple[ManifestPicture, ...]
    left_out: tuple[str, ...] = ()
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class MadeGallery:
    """A gallery that is in its place. `left_out` are sentences on pictures that are not in it; `anew` is
    False where nothing had changed."""

    folder: Path
    pictures: int
    left_out: tuple[str, ...]
    anew: bool

    @property
    def page(self) -> Path:
        return self.folder / "index.html"


@dataclass(slots=True)
class GalleryDraft:
    """A gallery that is being made in `new`, in a temporary folder, and is to take the place of what `old`
    tells of. `taken` are the paths of the pictures in it, `files` as in the manifest."""

    new: Path
    place: Path
    old: Manifest | None
    told: str
    shared: Sharing
    taken: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, content: Iterable[bytes]) -> None:
        """A new file with this content, piece by piece."""
        with os.fdopen(new_file(str(self.new / name)), "wb") as out:
            self.files[name] = fingerprint(content, out).sha256
            out.flush()
            self.shared.apply_to_file(out.fileno())
            os.fsync(out.fileno())

    def leave_out(self, picture: GalleryPicture, why: str) -> None:
        self.left_out.append(f"{visible(picture.path)} is left out: {why}")
        self.taken.discard(picture.path)


async def make_gallery(
    done: Path, gallery: Gallery, decoder: Decoder, limits: PictureLimits, shared: Sharing
) -> MadeGallery:
    """Make the gallery of a project anew, unless it is there as it is to be. Raises LocalTrouble; the one
    that was there stays then."""
    place = done / gallery.folder / GALLERY
    shared.guard(place)
    with local_trouble(place):
        await to_thread.run_sync(refuse_links, done, place)
        old = await to_thread.run_sync(manifest_of, place)
        told = await to_thread.run_sync(digest_of, gallery, done)
        if old is not None and old.told == told and await to_thread.run_sync(complete, place, old):
            return MadeGallery(place, len(old.pictures), old.left_out, anew=False)
        temporary = place.with_name(own_prefix() + os.urandom(8).hex())
        draft = GalleryDraft(temporary / GALLERY, place, old, told, shared)
        try:
            await to_thread.run_sync(begin, draft, done, gallery)
            for picture in gallery.pictures().values():
                for size in SIZES:
                    if picture.path in draft.taken:
                        await add_rendition(draft, picture, size, decoder, limits)
            return await to_thread.run_sync(finish, draft, gallery)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def begin(draft: GalleryDraft, done: Path, gallery: Gallery) -> None:
    """Put the pictures into it, each read to its end."""
    draft.new.parent.mkdir(mode=0o700)
    for name in ("", FULL, *SIZES):
        (draft.new / name).mkdir()
        draft.shared.apply_to_folder(draft.new / name)
    for picture in gallery.pictures().values():
        take(draft, done, picture)


def manifest_of(place: Path) -> Manifest | None:
    """What the gallery at `place` says of itself; None where none is. Raises LocalTrouble where something
    else has its name."""
    try:
        return Manifest.model_validate_json((place / MANIFEST).read_bytes())
    except (OSError, ValueError):
        if linking.status(place) is None or (place.is_dir() and not any(place.iterdir())):
            return None
    raise LocalTrouble(
        f"{shown(place)} is there, and isn't a gallery that hotfolder made",
        hint="Rename it; the gallery is made by itself then.",
    )


def digest_of(gallery: Gallery, done: Path) -> str:
    """Tells whether anything is to be shown otherwise than before: also a picture that was changed or taken
    away."""
    seen: list[object] = [SIZES, page_files(gallery)]
    for path in gallery.pictures():
        found = linking.status(done / path)
        seen.append((path, found and (found.st_size, found.st_mtime_ns, found.st_ino)))
    return hashlib.sha256(repr(seen).encode()).hexdigest()


def complete(place: Path, manifest: Manifest) -> bool:
    """Whether all of its files lie there, and are files."""
    found = (linking.status(place / name) for name in (MANIFEST, *manifest.files))
    return all(one is not None and stat.S_ISREG(one.st_mode) for one in found)


def take(draft: GalleryDraft, done: Path, picture: GalleryPicture) -> None:
    """Put the picture as delivered into the gallery, as a further name of the same file where the disk knows
    that, so that it takes no room. What isn't there as it was delivered is left out."""
    name = picture.full
    try:
        descriptor = open_beneath(done, done / picture.path)
    except OSError as error:
        gone = error.errno in (errno.ENOENT, errno.ENOTDIR)
        if not gone and error.errno != errno.ELOOP:
            raise
        return draft.leave_out(picture, "it isn't there any more." if gone else "it is a link.")
    with os.fdopen(descriptor, "rb") as source:
        found = os.fstat(source.fileno())
        if not stat.S_ISREG(found.st_mode):
            return draft.leave_out(picture, "it is no plain file.")
        if hashlib.file_digest(source, "sha256").hexdigest() != picture.sha256:
            return draft.leave_out(picture, "it has changed since it was delivered.")
        if not linked(done / picture.path, draft.new / name, found):
            source.seek(0)
            draft.write(name, iter(partial(source.read, PIECE_BYTES), b""))
    draft.files[name] = picture.sha256
    draft.taken.add(picture.path)


def linked(source: Path, target: Path, found: os.stat_result) -> bool:
    """Whether `target` is a further name of the file `found` now, which `source` led to."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        return False
    if linking.same_file(os.lstat(target), found):
        return True
    target.unlink()
    return False


async def add_rendition(
    draft: GalleryDraft, picture: GalleryPicture, size: str, decoder: Decoder, limits: PictureLimits
) -> None:
    """A rendition of a picture that was taken; the one of the gallery that is there, where it has it. A
    picture that can't be decoded is left out."""
    name = picture.rendition(size)
    if await to_thread.run_sync(reuse, draft, name):
        return
    made = draft.new.parent / "made.jpg"
    try:
        await decoder.render(draft.new / picture.full, made, SIZES[size], limits)
    except UnusablePhoto as error:
        return draft.leave_out(picture, error.message)
    await to_thread.run_sync(draft.write, name, pieces_of(made))


def reuse(draft: GalleryDraft, name: str) -> bool:
    """Take over a rendition from the gallery that is there, unless it isn't what was put there."""
    if draft.old is None or name not in draft.old.files:
        return False
    content = b""
    with suppress(OSError), os.fdopen(open_beneath(draft.place, draft.place / name), "rb") as source:
        content = source.read()
    if hashlib.sha256(content).hexdigest() != draft.old.files[name]:
        return False
    draft.write(name, [content])
    return True


def finish(draft: GalleryDraft, gallery: Gallery) -> MadeGallery:
    """Write the pages, and put the gallery into its place."""
    left_out, place = tuple(draft.left_out), draft.place
    if not draft.taken:
        why = " ".join(left_out) or "Nothing of it is in done."
        raise LocalTrouble(f"the gallery of {gallery.folder} would be empty. {why}", hint=SOON)
    shown_here = gallery.only(draft.taken)
    for name, content in page_files(shown_here).items():
        draft.write(name, [content])
    manifest = Manifest(
        made_by=f"hotfolder {__version__}",
        told=draft.told,
        url=gallery.url,
        pictures=tuple(manifest_pictures(shown_here)),
        left_out=left_out,
        files=draft.files,
    )
    draft.write(MANIFEST, [(manifest.model_dump_json(indent=2) + "\n").encode()])
    keep_others(draft)
    for name in (*SIZES, FULL, ""):
        linking.sync_folder(draft.new / name)
    refuse_links(place.parent.parent, place)
    put_into_place(draft.new, place)
    logger.info("gallery_made", project=gallery.folder, pictures=len(draft.taken))
    return MadeGallery(place, len(draft.taken), left_out, anew=True)


def manifest_pictures(gallery: Gallery) -> Iterator[ManifestPicture]:
    for scene in gallery.scenes:
        for one in scene.pictures():
            yield ManifestPicture(
                delivered=visible(one.path),
                full=one.full,
                sha256=one.sha256,
                altered=one.altered,
                unaltered=scene.unaltered.sha256 if scene.unaltered is not None and one.altered else "",
            )


def keep_others(draft: GalleryDraft) -> None:
    """Take over what people have put beside the files of the gallery that is there."""
    ours = {MANIFEST, *(draft.old.files if draft.old is not None else ())}
    for folder, _, names in os.walk(draft.place):
        for path in (Path(folder, name) for name in names):
            name = str(path.relative_to(draft.place))
            if name in ours or path.is_symlink() or not path.is_file():
                continue
            target = draft.new / name
            if linking.status(target) is not None:
                target = target.with_name(f"{target.stem} (yours){target.suffix}")
            target.parent.mkdir(parents=True, exist_ok=True)
            if not linked(path, target, path.stat()):
                shutil.copy2(path, target)


def put_into_place(new: Path, place: Path) -> None:
    """Exchange the two folders in one step, where the file system can."""
    if linking.status(place) is None:
        linking.put(new, place)
        return
    try:
        linking.exchange(new, place)
    except linking.Unsupported:
        before = new.with_name("before")
        place.rename(before)
        try:
            new.rename(place)
        except OSError:
            before.rename(place)
            raise
    linking.sync_folder(place.parent)
