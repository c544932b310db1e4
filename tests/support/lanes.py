"""Several scenarios at a time: each in a lane with a shop and daemon processes of its own."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tests.support.crashing import Crasher
from tests.support.studio import Shop

T = TypeVar("T")


@dataclass(frozen=True)
class Lane:
    """`root` is a folder for studios."""

    root: Path
    shop: Shop
    crasher: Crasher


class Lanes:
    """A `with` block. Work is handed to whichever lane is free."""

    def __init__(self, root: Path, number: int) -> None:
        self._roots = [root / f"lane-{position}" for position in range(number)]
        self._pool = ThreadPoolExecutor(number)
        self._lanes: queue.Queue[Lane] = queue.Queue()

    def __enter__(self) -> Self:
        for lane in self._pool.map(opened, self._roots):
            self._lanes.put(lane)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        while not self._lanes.empty():
            lane = self._lanes.get()
            lane.crasher.close()
            lane.shop.sandbox.stop()

    def submit(self, work: Callable[[Lane], T]) -> Future[T]:
        """Do the work in the next lane that is free, on a fresh page of its shop's books."""

        def working() -> T:
            lane = self._lanes.get()
            try:
                lane.shop.mark()
                return work(lane)
            finally:
                self._lanes.put(lane)

        return self._pool.submit(working)


def opened(root: Path) -> Lane:
    root.mkdir(parents=True)
    crasher = Crasher()
    shop = Shop(root / "shop")
    shop.__enter__()
    return Lane(root, shop, crasher)
