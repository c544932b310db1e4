"""The limit on upload bandwidth, with a clock of the test's own."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hotfolder.stager.streams import LARGEST_PIECE_BYTES, Throttle, open_photo
from tests.support.clocks import SkippingClock

RATE = 1_000_000.0


async def test_ten_seconds_worth_takes_ten_seconds_but_for_the_first_one() -> None:
    clock = SkippingClock()
    throttle = Throttle(clock, RATE)
    for _ in range(110):
        await throttle.take(100_000)
    assert 9.8 <= clock.seconds <= 10.0


async def test_several_uploads_share_one_limit() -> None:
    clock = SkippingClock()
    throttle = Throttle(clock, RATE)

    async def upload() -> None:
        for _ in range(20):
            await throttle.take(throttle.piece_bytes)

    await asyncio.gather(*(upload() for _ in range(4)))
    sent = 80 * throttle.piece_bytes
    assert sent / RATE - 1.2 <= clock.seconds <= sent / RATE


async def test_an_idle_hour_saves_up_no_more_than_a_second() -> None:
    clock = SkippingClock()
    throttle = Throttle(clock, RATE)
    await throttle.take(1)
    clock.seconds += 3600
    began = clock.seconds
    for _ in range(30):
        await throttle.take(100_000)
    assert 1.8 <= clock.seconds - began <= 2.0


async def test_a_limit_is_changed_and_taken_away_while_it_is_in_use() -> None:
    clock = SkippingClock()
    throttle = Throttle(clock, RATE)
    await throttle.take(3_000_000)
    throttle.bytes_per_second = 2 * RATE
    await throttle.take(1)
    assert clock.seconds <= 1.1
    throttle.bytes_per_second = None
    before = clock.seconds
    await throttle.take(10**9)
    assert clock.seconds == before
    assert throttle.piece_bytes == LARGEST_PIECE_BYTES and throttle.patience_seconds(10**9) == 0


async def test_a_photo_is_read_in_small_pieces_and_whole(tmp_path: Path) -> None:
    """At 100 KB/s a piece of 1 MiB would leave the line silent for ten seconds, and the server would time
    out."""
    clock = SkippingClock()
    content = bytes(range(256)) * 2000
    (tmp_path / "a.jpg").write_bytes(content)
    opened = open_photo(tmp_path / "a.jpg")
    with opened.file:
        pieces = [piece async for piece in opened.pieces(Throttle(clock, 100_000))]
    assert b"".join(pieces) == content and max(map(len, pieces)) == 16 << 10
    assert 4.0 <= clock.seconds <= 5.2
