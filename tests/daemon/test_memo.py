"""What a rulebook says of a set is asked once."""

from __future__ import annotations

from hotfolder.daemon import memo
from hotfolder.daemon.memo import Memo
from hotfolder.jobs.tools import Place
from hotfolder.rules.routing import Rulebook

KITCHEN, HALL = ("inbox", "12 Elm Road", "kitchen"), ("inbox", "12 Elm Road", "hall")


def test_each_set_is_decided_once_by_each_rulebook() -> None:
    """Another number of photos, another set and another rulebook are other questions."""
    asked: list[tuple[Place, int]] = []

    def decide(_: Rulebook, place: Place, count: int) -> int:
        asked.append((place, count))
        return len(asked)

    remembered, old, new = Memo(decide), Rulebook(), Rulebook()
    assert [remembered(old, KITCHEN, 3), remembered(old, KITCHEN, 3), remembered(old, KITCHEN, 4)] == [
        1,
        1,
        2,
    ]
    assert [remembered(old, HALL, 3), remembered(new, HALL, 3), remembered(new, HALL, 3)] == [3, 4, 4]
    assert asked == [(KITCHEN, 3), (KITCHEN, 4), (HALL, 3), (HALL, 3)]


def test_it_does_not_grow_for_ever() -> None:
    remembered, rulebook = Memo(lambda _, place, count: count), Rulebook()
    for count in range(memo.MOST_SETS + 10):
        remembered(rulebook, KITCHEN, count)
    assert len(remembered._known) <= memo.MOST_SETS
