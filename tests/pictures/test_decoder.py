"""The decoder's worker process survives or is replaced, whatever it reads."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from hotfolder.errors import LocalTrouble
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import NeverUsable, NotWhole, PictureLimits
from hotfolder.pictures.inspect import inspect
from tests.support.processes import gone

pytestmark = pytest.mark.long

Encode = Callable[..., bytes]
Write = Callable[[str, bytes], Path]
LIMITS = PictureLimits()


@pytest.fixture
def photo(encode: Encode, write: Write) -> Path:
    return write("a.jpg", encode("JPEG"))


async def worker_of(decoder: Decoder, photo: Path) -> int:
    """The worker's process, which has read that photo."""
    await decoder.inspect(photo, LIMITS)
    assert decoder.process_id is not None
    return decoder.process_id


async def test_the_worker_answers_as_its_function(decoder: Decoder, encode: Encode, write: Write) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2026:05:04 17:20:31"
    path = write("a.jpg", encode("JPEG", exif=exif))
    facts = await decoder.inspect(path, LIMITS)
    assert facts == inspect(path, limits=LIMITS) and facts.capture is not None and facts.signature


async def test_one_worker_serves_many_callers(decoder: Decoder, encode: Encode, write: Write) -> None:
    paths = [write(f"{n}.jpg", encode("JPEG", seed=n)) for n in range(12)]
    facts = await asyncio.gather(*(decoder.inspect(path, LIMITS) for path in paths))
    assert [one.sha256 for one in facts] == [inspect(path, limits=LIMITS).sha256 for path in paths]


async def test_refusals_keep_their_class_and_their_sentences(decoder: Decoder, write: Write) -> None:
    with pytest.raises(NotWhole, match="is empty") as unfinished:
        await decoder.inspect(write("a.jpg", b""), LIMITS)
    assert unfinished.value.hint
    with pytest.raises(NeverUsable, match="is a WebP picture"):
        await decoder.inspect(write("a.webp", b""), LIMITS)


async def test_a_name_that_is_not_utf8_reaches_the_worker(decoder: Decoder, photo: Path) -> None:
    path = photo.rename(photo.with_name(os.fsdecode(b"k\xfcche.jpg")))
    assert (await decoder.inspect(path, LIMITS)).format == "JPEG"


async def test_a_picture_beyond_the_memory_limit_is_refused_by_name(tmp_path: Path) -> None:
    Image.new("RGB", (9000, 9000)).save(tmp_path / "huge.png")
    decoder = Decoder(memory_bytes=300 * 1024 * 1024)
    try:
        with pytest.raises(NeverUsable, match=r"huge\.png"):
            await decoder.inspect(tmp_path / "huge.png", LIMITS)
        Image.new("RGB", (90, 90)).save(tmp_path / "small.png")
        assert (await decoder.inspect(tmp_path / "small.png", LIMITS)).width == 90
    finally:
        await decoder.close()


async def test_no_picture_is_blamed_when_no_worker_can_start(photo: Path) -> None:
    decoder = Decoder(memory_bytes=1024)
    with pytest.raises(LocalTrouble, match="could not be started"):
        await decoder.inspect(photo, LIMITS)
    await decoder.close()


async def test_a_killed_worker_is_replaced(decoder: Decoder, photo: Path) -> None:
    first = await worker_of(decoder, photo)
    os.kill(first, signal.SIGKILL)
    assert (await decoder.inspect(photo, LIMITS)).format == "JPEG"
    assert decoder.process_id != first


async def test_a_worker_that_was_born_under_a_low_limit_is_replaced(decoder: Decoder, photo: Path) -> None:
    """The limit that it took over from the daemon stays its own after that of the daemon is raised."""
    resource.prlimit(await worker_of(decoder, photo), resource.RLIMIT_NOFILE, (3, 3))
    with pytest.raises(LocalTrouble, match="Too many open files"):
        await decoder.inspect(photo, LIMITS)
    assert (await decoder.inspect(photo, LIMITS)).format == "JPEG"


async def test_signals_to_the_group_leave_the_worker_at_work(decoder: Decoder, photo: Path) -> None:
    worker = await worker_of(decoder, photo)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(worker, number)
    await asyncio.sleep(0.1)
    assert await worker_of(decoder, photo) == worker


async def test_a_cancelled_question_leaves_no_stale_answer(
    decoder: Decoder, encode: Encode, write: Write
) -> None:
    slow, quick = write("a.jpg", encode("JPEG", size=(2500, 2500))), write("b.jpg", encode("JPEG", seed=5))
    await decoder.inspect(quick, LIMITS)
    asking = asyncio.create_task(decoder.inspect(slow, LIMITS))
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await decoder.inspect(quick, LIMITS)).sha256 == inspect(quick, limits=LIMITS).sha256


async def test_a_picture_that_takes_too_long_is_given_up(decoder: Decoder, photo: Path) -> None:
    worker = await worker_of(decoder, photo)
    decoder.patience_seconds = 0.5
    os.kill(worker, signal.SIGSTOP)
    with pytest.raises(NotWhole, match="could not be read within"):
        await decoder.inspect(photo, LIMITS)
    assert gone(worker)


async def test_closing_ends_the_worker_even_while_it_works(
    decoder: Decoder, photo: Path, encode: Encode, write: Write
) -> None:
    worker = await worker_of(decoder, photo)
    asking = asyncio.create_task(decoder.inspect(write("b.jpg", encode("JPEG", size=(2500, 2500))), LIMITS))
    await asyncio.sleep(0.01)
    await decoder.close()
    await decoder.close()
    assert gone(worker)
    with pytest.raises(RuntimeError, match="closed"):
        await asking


PARENT = """
import asyncio, sys
from pathlib import Path
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits

async def main():
    decoder = Decoder()
    await decoder.inspect(Path(sys.argv[1]), PictureLimits())
    print(decoder.process_id, "PIL" in sys.modules, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_the_worker_dies_with_a_killed_parent_which_never_loaded_pillow(photo: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(photo)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout is not None
    with parent.stdout:
        worker, loaded = parent.stdout.readline().split()
        assert loaded == "False"
        assert not gone(int(worker), call_within=0.1)
        parent.kill()
        parent.wait()
    assert gone(int(worker))


def test_the_worker_is_not_given_the_key(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile picture could make it read its environment."""
    monkeypatch.setenv("STAGER_API_KEY", "s3cret-for-a-test")

    async def look() -> bytes:
        decoder = Decoder()
        await decoder.inspect(photo, LIMITS)
        environment = Path(f"/proc/{decoder.process_id}/environ").read_bytes()
        await decoder.close()
        return environment

    assert b"s3cret-for-a-test" not in asyncio.run(look())
