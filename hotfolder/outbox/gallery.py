"""A project's gallery: a folder of static files that shows its pictures, from any web host or from a disk.

Every altered picture is shown beside its unaltered one. A gallery is built in a temporary folder, and then
exchanged for the old one atomically where the file system can.
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
from hotfolder.outbox.faults import RETRY_HINT, local_trouble, path_text
from hotfolder.outbox.files import PIECE_BYTES, Sharing, file_pieces, fingerprint
from hotfolder.outbox.gallerypage import FULL, Gallery, GalleryPicture, page_files
from hotfolder.outbox.outputs import refuse_links
from hotfolder.paths import is_dir, is_file
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits, Rendering
from hotfolder.rules.delivery import GALLERY

MANIFEST = "gallery.json"
"""The gallery's list of contents; a folder with it counts as made by hotfolder."""
SIZES = {"small": Rendering(80, 60, 960), "large": Rendering(85, 60, 2400)}
"""The renditions in a gallery, by folder name."""

logger = log.get("gallery")


class ManifestPicture(BaseModel):
    """A picture in a gallery: `delivered` is its path relative to done/, `full` its path in the gallery.
    `unaltered` is the SHA-256 of the picture that it is shown beside."""

    delivered: str
    full: str
    sha256: str
    altered: tuple[str, ...] = ()
    unaltered: str = ""


class Manifest(BaseModel):
    """The content of MANIFEST. `told` is the digest of the gallery's input, `files` has what hotfolder wrote:
    the SHA-256 by relative path."""

    made_by: str = Field(pattern="^hotfolder ")
    told: str
    url: str = ""
    pictures: tuple[ManifestPicture, ...]
    left_out: tuple[str, ...] = ()
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class MadeGallery:
    """The result of making a gallery. `left_out` has a sentence for each picture that is not in it; `anew` is
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
    """A gallery that is built in `new`, in a temporary folder, and replaces the one with the manifest `old`
    at `place`. `taken` are the paths of its pictures, `files` as in the manifest."""

    new: Path
    place: Path
    old: Manifest | None
    told: str
    shared: Sharing
    taken: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, content: Iterable[bytes]) -> None:
        """Write a new file with this content, shared and fsynced, and record it. Raises OSError."""
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
    """Make the gallery of a project, unless it is complete and up to date. Raises LocalTrouble; the old
    gallery stays in place then."""
    place = done / gallery.folder / GALLERY
    shared.guard(place)
    with local_trouble(place):
        await to_thread.run_sync(refuse_links, done, place)
        old = await to_thread.run_sync(read_manifest, place)
        told = await to_thread.run_sync(digest_of, gallery, done)
        if old is not None and old.told == told and await to_thread.run_sync(is_complete, place, old):
            return MadeGallery(place, len(old.pictures), old.left_out, anew=False)
        temporary = place.with_name(own_prefix() + os.urandom(8).hex())
        draft = GalleryDraft(temporary / GALLERY, place, old, told, shared)
        try:
            await to_thread.run_sync(fill_draft, draft, done, gallery)
            for picture in gallery.pictures().values():
                for size in SIZES:
                    if picture.path in draft.taken:
                        await add_rendition(draft, picture, size, decoder, limits)
            return await to_thread.run_sync(publish_draft, draft, gallery)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def fill_draft(draft: GalleryDraft, done: Path, gallery: Gallery) -> None:
    """Create the draft's folders and put the pictures into them, each hashed to its end."""
    draft.new.parent.mkdir(mode=0o700)
    for name in ("", FULL, *SIZES):
        (draft.new / name).mkdir()
        draft.shared.apply_to_folder(draft.new / name)
    for picture in gallery.pictures().values():
        add_picture(draft, done, picture)


def read_manifest(place: Path) -> Manifest | None:
    """The manifest of the gallery at `place`, None where nothing or an empty folder is there. Raises
    LocalTrouble where something else has its name."""
    try:
        return Manifest.model_validate_json((place / MANIFEST).read_bytes())
    except (OSError, ValueError):
        if linking.lstat_or_none(place) is None or (is_dir(place) and not any(place.iterdir())):
            return None
    raise LocalTrouble(
        f"{path_text(place)} is there, and isn't a gallery that hotfolder made",
        hint="Rename it; the gallery is made by itself then.",
    )


def digest_of(gallery: Gallery, done: Path) -> str:
    """A digest of all that the gallery would show, with each picture's size, mtime and inode: it changes when
    a page would, or when a picture was edited or removed."""
    seen: list[object] = [SIZES, page_files(gallery)]
    for path in gallery.pictures():
        found = linking.lstat_or_none(done / path)
        seen.append((path, found and (found.st_size, found.st_mtime_ns, found.st_ino)))
    return hashlib.sha256(repr(seen).encode()).hexdigest()


def is_complete(place: Path, manifest: Manifest) -> bool:
    """Whether all files in the manifest, and the manifest, are there as regular files."""
    found = (linking.lstat_or_none(place / name) for name in (MANIFEST, *manifest.files))
    return all(one is not None and stat.S_ISREG(one.st_mode) for one in found)


def add_picture(draft: GalleryDraft, done: Path, picture: GalleryPicture) -> None:
    """Add the delivered picture to the gallery, as a hard link where possible, so that it takes no space,
    else as a copy. One that is missing, not a plain file, or changed since delivery is left out."""
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
        if not hard_link_unchanged(done / picture.path, draft.new / name, found):
            source.seek(0)
            draft.write(name, iter(partial(source.read, PIECE_BYTES), b""))
    draft.files[name] = picture.sha256
    draft.taken.add(picture.path)


def hard_link_unchanged(source: Path, target: Path, found: os.stat_result) -> bool:
    """Hard-link `source` as `target`. False, with nothing left, where that fails or `source` isn't `found`
    now."""
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
    """Add a rendition of a picture in the draft, reused from the old gallery where it has it. A picture that
    can't be decoded is left out."""
    name = picture.rendition(size)
    if await to_thread.run_sync(reuse_rendition, draft, name):
        return
    made = draft.new.parent / "made.jpg"
    try:
        await decoder.render(draft.new / picture.full, made, SIZES[size], limits)
    except UnusablePhoto as error:
        return draft.leave_out(picture, error.message)
    await to_thread.run_sync(draft.write, name, file_pieces(made))


def reuse_rendition(draft: GalleryDraft, name: str) -> bool:
    """Copy a rendition from the old gallery; False where it has none with the hash in its manifest."""
    if draft.old is None or name not in draft.old.files:
        return False
    content = b""
    with suppress(OSError), os.fdopen(open_beneath(draft.place, draft.place / name), "rb") as source:
        content = source.read()
    if hashlib.sha256(content).hexdigest() != draft.old.files[name]:
        return False
    draft.write(name, [content])
    return True


def publish_draft(draft: GalleryDraft, gallery: Gallery) -> MadeGallery:
    """Write pages and manifest, and put the gallery into its place. Raises LocalTrouble if it would be
    empty."""
    left_out, place = tuple(draft.left_out), draft.place
    if not draft.taken:
        why = " ".join(left_out) or "Nothing of it is in done."
        raise LocalTrouble(f"the gallery of {gallery.folder} would be empty. {why}", hint=RETRY_HINT)
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
    if read_manifest(place) != draft.old:  # by another machine or process, which may know of more sets
        raise LocalTrouble(f"the gallery of {gallery.folder} was made anew meanwhile", hint=RETRY_HINT)
    keep_foreign_files(draft)
    for name in (*SIZES, FULL, ""):
        linking.sync_folder(draft.new / name)
    refuse_links(place.parent.parent, place)
    exchange_folders(draft.new, place)
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


def keep_foreign_files(draft: GalleryDraft) -> None:
    """Copy or link files that people have put into the old gallery into the new one."""
    ours = {MANIFEST, *(draft.old.files if draft.old is not None else ())}
    for folder, _, names in os.walk(draft.place):
        for path in (Path(folder, name) for name in names):
            name = str(path.relative_to(draft.place))
            if name in ours or path.is_symlink() or not is_file(path):
                continue
            target = draft.new / name
            if linking.lstat_or_none(target) is not None:
                target = target.with_name(f"{target.stem} (yours){target.suffix}")
            target.parent.mkdir(parents=True, exist_ok=True)
            if not hard_link_unchanged(path, target, path.stat()):
                shutil.copy2(path, target)


def exchange_folders(new: Path, place: Path) -> None:
    """Exchange the two folders atomically where the file system can, else by two renames. Raises OSError."""
    if linking.lstat_or_none(place) is None:
        linking.move_exclusively(new, place)
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
