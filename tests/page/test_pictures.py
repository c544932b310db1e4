"""Pictures on the page: by id alone, whole, in parts and small; no other file is ever served."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from hotfolder.config.load import load
from hotfolder.control.lookup import (
    PicturePlace,
    arriving_id,
    find_picture,
    opaque,
    open_picture,
    photo_id,
    picture_id,
)
from hotfolder.jobs.database import open_store
from hotfolder.jobs.model import Job, Picture
from hotfolder.jobs.store import Store
from hotfolder.page.serving import parse_range
from tests.support.pageprocess import PageProcess, page_process
from tests.support.pictures import bracket, jpeg
from tests.support.studio import ELM, Studio

pytestmark = pytest.mark.long

ROOM = "kitchen__sky-blue"
Made = tuple[str, list[Picture]]


@pytest.fixture
async def made(studio: Studio) -> Made:
    """A finished room: its job's id, and its pictures."""
    await studio.drop_and_run(ELM, ROOM, bracket())
    [job] = [line["job"] for line in studio.status()["jobs"]]
    pictures = studio.reading(lambda store: store.pictures(job))
    assert pictures
    return job, pictures


async def test_a_delivered_picture_is_served_as_it_lies_in_done(made: Made, page: PageProcess) -> None:
    job, pictures = made
    for one in pictures:
        answer = page.get(f"/picture/{picture_id(job, one.path)}")
        assert answer.status == 200 and answer.headers["content-type"] in ("image/jpeg", "image/png")
        assert hashlib.sha256(answer.body).hexdigest() == one.sha256
        told = page.ask("HEAD", f"/picture/{picture_id(job, one.path)}", headers={})
        assert told.headers["content-length"] == answer.headers["content-length"] and not told.body
        again = page.get(f"/picture/{picture_id(job, one.path)}", If_None_Match=answer.headers["etag"])
        assert (again.status, again.body) == (304, b"")


async def test_a_part_of_a_picture_is_served_and_never_more_than_one(
    studio: Studio, made: Made, page: PageProcess
) -> None:
    job, [picture, *_] = made
    address = f"/picture/{picture_id(job, picture.path)}"
    content = (studio.done / picture.path).read_bytes()
    part = page.get(address, Range="bytes=10-19")
    assert (part.status, part.body) == (206, content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(content)}"
    assert page.get(address, Range="bytes=-5").body == content[-5:]
    assert page.get(address, Range=f"bytes={len(content)}-").status == 416
    many = page.get(address, Range="bytes=" + ",".join(["0-"] * 1000))
    assert (many.status, many.body) == (200, content)
    stale = page.get(address, Range="bytes=0-1", If_Range='"another"')
    assert (stale.status, stale.body) == (200, content)


async def test_a_picture_is_saved_under_its_name(made: Made, page: PageProcess) -> None:
    job, pictures = made
    [picture] = [one for one in pictures if one.altered]
    answer = page.get(f"/picture/{picture_id(job, picture.path)}?download=1")
    assert answer.headers["content-disposition"] == (
        f"attachment; filename*=UTF-8''{quote(Path(picture.path).name)}"
    )


async def test_originals_and_pictures_have_small_copies(
    studio: Studio, made: Made, page: PageProcess
) -> None:
    job, [picture, *_] = made
    photo = next(iter(bracket()))
    (studio.done / picture.path).write_bytes(jpeg(size=(1500, 1000)))
    for known, size in ((photo_id(job, photo), (160, 120)), (picture_id(job, picture.path), (640, 427))):
        answer = page.get(f"/thumb/{known}")
        assert answer.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(answer.body)).size == size
        assert page.get(f"/thumb/{known}", If_None_Match=answer.headers["etag"]).status == 304
    assert Image.open(io.BytesIO(page.get(f"/thumb/{known}?size=screen").body)).size == (1500, 1000)
    (studio.done / picture.path).write_bytes(jpeg(size=(300, 200)))
    assert Image.open(io.BytesIO(page.get(f"/thumb/{known}").body)).size == (300, 200)


def test_a_photo_that_only_lies_in_the_inbox_has_one_too(studio: Studio, page: PageProcess) -> None:
    studio.drop(ELM, "hall", {"a.jpg": jpeg()})
    studio.drop(ELM, "", {"b.jpg": jpeg()})
    for folder, name in (("hall", "a.jpg"), ("", "b.jpg")):
        assert page.get(f"/thumb/{arriving_id('inbox', ELM, folder, name)}").status == 200
    assert page.get(f"/thumb/{arriving_id('inbox', ELM, 'hall', 'b.jpg')}").status == 404


async def test_what_is_damaged_or_gone_is_not_there(studio: Studio, made: Made, page: PageProcess) -> None:
    job, [picture, *_] = made
    known = picture_id(job, picture.path)
    (studio.done / picture.path).write_bytes(b"\xff\xd8\xff and no more")
    assert page.get(f"/thumb/{known}").status == 404
    (studio.done / picture.path).write_bytes(b"root:x:0:0")
    assert [page.get(f"/{kind}/{known}").status for kind in ("thumb", "picture")] == [404, 404]
    (studio.done / picture.path).unlink()
    assert [page.get(f"/{kind}/{known}").status for kind in ("thumb", "picture")] == [404, 404]


SECRET = jpeg(seed=7) + b"a secret"
HOSTILE = (
    *("..", "../secret.jpg", "../../secret.jpg", "a/../../secret.jpg", "link.jpg", "way/secret.jpg", "\0"),
    *("/etc/passwd", "a\udcff.jpg", unicodedata.normalize("NFD", "Küche.jpg"), "<img src=x>.jpg", "fifo.jpg"),
)
NAMES = st.lists(
    st.sampled_from(
        ["..", ".", "", "done", "way", "link.jpg", "secret.jpg", "picture.jpg", "\0", "é", "e\u0301"]
    )
    | st.text(max_size=8),
    min_size=1,
    max_size=4,
).map("/".join)


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Studio, Store]]:
    """A studio whose `done` is full of links to secrets beside it."""
    studio = Studio(tmp_path_factory.mktemp("trap"))
    for folder in (studio.inbox, studio.done / "elm", studio.root / "beside"):
        folder.mkdir(parents=True)
    for secret in (studio.root / "secret.jpg", studio.root / "beside" / "secret.jpg"):
        secret.write_bytes(SECRET)
    (studio.done / "link.jpg").symlink_to("../secret.jpg")
    (studio.done / "way").symlink_to("../beside")
    os.mkfifo(studio.done / "fifo.jpg")
    database = open_store(studio.place)
    yield studio, Store(database)
    database.dispose()


def recorded(store: Store, path: str) -> str:
    """The id of a picture that is recorded as delivered at a hostile path."""
    at, name = datetime.now(UTC), opaque(path)[:8]
    job = Job(
        id=name, inbox="inbox", project="elm", folder="a", room="a", title="a", created_at=at, updated_at=at
    )
    with store.session.begin() as session:
        session.merge(job)
    store.add_pictures([Picture(job_id=job.id, path=path, sha256="0" * 64, width=1, height=1)])
    return picture_id(job.id, path)


@given(NAMES)
@settings(max_examples=150)
@example("link.jpg")
@example("way/secret.jpg")
@example("../secret.jpg")
@example("elm/../../secret.jpg")
def test_no_path_of_a_record_leads_out_of_done(trap: tuple[Studio, Store], path: str) -> None:
    studio, store = trap
    with suppress(UnicodeEncodeError):
        known = recorded(store, path)
        place = find_picture(load(studio.config, {}), known)
        there = open_picture(place) if place is not None else None
        if there is not None:
            with os.fdopen(there.descriptor, "rb") as file:
                assert file.read() != SECRET


def test_a_pipe_is_no_picture_and_nobody_waits_for_its_other_end(trap: tuple[Studio, Store]) -> None:
    studio, store = trap
    place = find_picture(load(studio.config, {}), recorded(store, "fifo.jpg"))
    assert place is not None
    found: list[object] = []
    opening = Thread(target=lambda: found.append(open_picture(place)), daemon=True)
    opening.start()
    opening.join(30)
    assert found == [None]


def test_a_device_is_no_picture() -> None:
    """A device has endless bytes."""
    assert open_picture(PicturePlace((Path("/dev/zero"),), (Path("/dev"),))) is None


def test_a_picture_that_can_t_be_read_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share with errors would use up all descriptors of the page."""
    (tmp_path / "a.jpg").write_bytes(jpeg())
    opened: list[int] = []

    def fails(descriptor: int, *_: int) -> bytes:
        opened.append(descriptor)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pread", fails)
    assert open_picture(PicturePlace((tmp_path / "a.jpg",), (tmp_path,))) is None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(*opened)


def test_no_address_serves_what_is_not_recorded(trap: tuple[Studio, Store]) -> None:
    """A recorded picture is served, which shows that the others' refusal means something."""
    studio, store = trap
    (studio.done / "picture.jpg").write_bytes(jpeg(seed=3))
    with page_process(studio) as page:
        assert page.get(f"/picture/{recorded(store, 'picture.jpg')}").body == jpeg(seed=3)
        for path in HOSTILE:
            for known in (
                quote(path, safe="", errors="surrogateescape"),
                opaque(path),
                "x" * 5000,
                "%00",
                "%ff",
            ):
                for kind in ("picture", "thumb"):
                    answer = page.get(f"/{kind}/{known}")
                    assert answer.status in (404, 405) and b"a secret" not in answer.body
        for path in ("link.jpg", "way/secret.jpg", "../secret.jpg", "fifo.jpg"):
            assert page.get(f"/picture/{recorded(store, path)}").status == 404
            assert page.get(f"/thumb/{recorded(store, path)}").status == 404


@given(st.text("bytes=-0123456789,", max_size=20), st.integers(1, 1000))
def test_a_range_is_always_within_the_file(asked: str, size: int) -> None:
    part = parse_range(asked, size)
    assert part is None or (0 <= part.start < part.stop <= size)
