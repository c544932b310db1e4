"""What a rulebook says of a set is asked once."""

from __future__ import annotations

from hotfolder.daemon.newjobs import KEEP_SECONDS, Memo
from hotfolder.jobs.context import Place
from hotfolder.rules.routing import Rulebook

KITCHEN, HALL = ("inbox", "12 Elm Road", "kitchen"), ("inbox", "12 Elm Road", "hall")


def test_each_set_is_decided_once_by_each_rulebook() -> None:
    """Another number of photos, another set and another rulebook are other questions."""
    asked: list[tuple[Place, int]] = []

    def decide(_: Rulebook, place: Place, count: int) -> int:
        asked.append((place, count))
        return len(asked)

    remembered, old, new = Memo(decide, lambda: 0.0), Rulebook(), Rulebook()
    assert [remembered(old, KITCHEN, 3), remembered(old, KITCHEN, 3), remembered(old, KITCHEN, 4)] == [
        1,
        1,
        2,
    ]
    assert [remembered(old, HALL, 3), remembered(new, HALL, 3), remembered(new, HALL, 3)] == [3, 4, 4]
    assert asked == [(KITCHEN, 3), (KITCHEN, 4), (HALL, 3), (HALL, 3)]


def test_what_is_not_asked_any_more_is_forgotten() -> None:
    """A daemon that runs for months meets sets without end; each is asked about until its job is done."""
    asked: list[Place] = []
    now = 0.0

    def decide(_: Rulebook, place: Place, count: int) -> int:
        asked.append(place)
        return count

    remembered, rulebook = Memo(decide, lambda: now), Rulebook()
    most = 0
    for number in range(1000):
        now += 1.0
        remembered(rulebook, ("inbox", "12 Elm Road", f"room {number}"), 3)
        remembered(rulebook, KITCHEN, 3)
        most = max(most, len(remembered))
    assert most <= 2 * KEEP_SECONDS + 2
    assert asked.count(KITCHEN) == 1
