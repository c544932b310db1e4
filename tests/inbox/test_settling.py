"""Settling as a function of observations and time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from hotfolder.inbox.contents import SeenFile, SetFolder
from hotfolder.inbox.settle import (
    Judgement,
    NoPhotos,
    Pace,
    Refused,
    SetState,
    Settled,
    Verdict,
    Waiting,
    settle,
)
from hotfolder.pictures.formats import COPY_HINT
from hotfolder.rules.sets import FileIdentity

QUIET, GIVE_UP = 15.0, 900.0
WHOLE = Judgement()
UNFINISHED = Judgement(reason="b.jpg is not complete.", hint=COPY_HINT)
UNUSABLE = Judgement(reason="b.tif is a TIFF.", hint="Export JPEG.", final=True)


@dataclass
class Room:
    """A set's folder that a test changes, and the settling state of it."""

    expected: int | None = None
    quiet: float = QUIET
    now: float = 0.0
    files: dict[str, int] = field(default_factory=dict)
    judgements: dict[str, Judgement | None] = field(default_factory=dict)
    claimed: set[str] = field(default_factory=set)
    ready_at: int | None = None
    folder: str = "r"
    changes: int = 0
    state: SetState | None = None
    said: list[Settled | Refused] = field(default_factory=list)

    def put(self, *names: str) -> None:
        for name in names:
            self.changes += 1
            self.files[name] = self.changes

    def arrive(self, *names: str) -> Verdict:
        """Put files there, and look at once."""
        self.put(*names)
        return self.look()

    def waits(self, after: float = 0.0) -> Waiting:
        """Look later, when the set must still be waiting."""
        verdict = self.look(after)
        assert isinstance(verdict, Waiting)
        return verdict

    def seen(self) -> SetFolder:
        def of(*suffixes: str) -> tuple[SeenFile, ...]:
            names = sorted(name for name in self.files if name.endswith(suffixes))
            return tuple(SeenFile(name, FileIdentity(1, 0, self.files[name], 1)) for name in names)

        ready = (
            SeenFile(".ready", FileIdentity(0, 0, self.ready_at, 2)) if self.ready_at is not None else None
        )
        return SetFolder(
            "p",
            self.folder,
            photos=of(".jpg", ".tif"),
            companions=of(".xmp"),
            temporaries=of(".part"),
            ready=ready,
        )

    def look(self, after: float = 0.0) -> Verdict:
        self.now += after
        self.state, verdict = settle(
            self.state,
            self.seen(),
            now=self.now,
            pace_of=lambda count: Pace(self.quiet, GIVE_UP, self.expected),
            claimed=frozenset(self.claimed),
            judgement_of=lambda file: self.judgements.get(file.name, WHOLE),
        )
        if isinstance(verdict, Settled | Refused):
            self.said.append(verdict)
        return verdict


def test_what_comes_after_its_set_was_taken_is_named_once_it_stays_alone() -> None:
    room = Room()
    room.arrive("a.jpg", "a.xmp")
    assert isinstance(room.look(15), Settled)
    assert room.look(100) == NoPhotos()
    room.put("b.xmp")
    assert room.look() == Waiting(0, "no photo has come yet", look_at=room.now + 2)
    assert room.look(2) == NoPhotos(other_files=("b.xmp",))
    room.arrive("a.xmp")
    assert room.look(2) == NoPhotos(other_files=("a.xmp", "b.xmp"))
    room.claimed = {"a.jpg", "a.xmp"}
    assert room.look(2) == NoPhotos(other_files=("b.xmp",))


def photo_names(verdict: Verdict) -> list[str]:
    assert isinstance(verdict, Settled)
    return [file.name for file in verdict.photos]


def test_no_single_look_settles_anything_however_short_the_quiet_time() -> None:
    room = Room(quiet=0.0)
    room.put("a.jpg")
    room.waits()
    assert isinstance(room.look(0.2), Settled)


def test_a_change_an_arrival_and_a_removal_each_start_the_quiet_time_anew() -> None:
    changes: tuple[Callable[[Room], object], ...] = (
        lambda room: room.put("a.jpg"),
        lambda room: room.put("c.jpg"),
        lambda room: room.files.pop("b.jpg"),
    )
    for change in changes:
        room = Room()
        room.put("a.jpg", "b.jpg")
        room.look()
        change(room)
        room.waits(14)
        room.waits(14)
        assert isinstance(room.look(1), Settled)


def test_a_companion_travels_with_its_set_restarts_the_quiet_and_starts_nothing() -> None:
    room = Room()
    room.put("a.xmp")
    room.waits()
    assert room.look(100) == NoPhotos(other_files=("a.xmp",))
    room.arrive("a.jpg")
    room.put("a.xmp")
    room.waits(14)
    room.waits(14)
    verdict = room.look(1)
    assert isinstance(verdict, Settled)
    assert [file.name for file in verdict.companions] == ["a.xmp"]


def test_the_next_look_is_named_exactly() -> None:
    room = Room()
    room.put("a.jpg")
    assert room.waits().look_at == 0.2  # to read the photo early
    assert room.waits(0.2).look_at == QUIET


def test_photos_are_complete_one_by_one_after_two_looks_that_agree() -> None:
    room = Room(judgements={"b.jpg": UNFINISHED})
    room.put("a.jpg", "b.jpg")
    looks = [room.look(), room.look(0.1), room.look(0.1)]
    room.put("a.jpg")
    looks.append(room.look(0.1))
    complete = [[file.name for file in look.complete] for look in looks if isinstance(look, Waiting)]
    assert complete == [[], [], ["a.jpg"], []]


def test_a_transfer_under_way_holds_the_set_and_a_dead_one_refuses_it() -> None:
    room = Room()
    room.arrive("a.jpg", "b.jpg.part")
    waiting = room.waits(GIVE_UP - 1)
    assert "a transfer is under way (b.jpg.part)" in waiting.reason
    room.put("b.jpg.part")
    room.waits(1)
    verdict = room.look(GIVE_UP)
    assert isinstance(verdict, Refused)
    assert "broke off" in verdict.reason
    assert {file.name for file in verdict.files} == {"a.jpg", "b.jpg.part"}


def test_a_dead_transfer_alone_is_shown_and_not_moved() -> None:
    room = Room()
    room.arrive("b.jpg.part")
    verdict = room.waits(GIVE_UP)
    assert not verdict.may_proceed and verdict.hint == "Copy the room's photos once more."


def test_a_photo_that_never_becomes_whole_refuses_the_set_in_the_end() -> None:
    room = Room(judgements={"b.jpg": UNFINISHED})
    room.arrive("a.jpg", "b.jpg", "a.xmp")
    waiting = room.waits(QUIET)
    assert waiting.reason == "b.jpg is not complete."
    assert waiting.look_at == GIVE_UP
    verdict = room.look(GIVE_UP - QUIET)
    assert isinstance(verdict, Refused)
    assert (verdict.reason, verdict.hint) == ("b.jpg is not complete.", "Copy or export it once more.")
    assert {file.name for file in verdict.files} == {"a.jpg", "b.jpg", "a.xmp"}


def test_a_photo_that_never_will_do_refuses_the_set_once_it_is_quiet() -> None:
    room = Room(judgements={"b.tif": UNUSABLE})
    room.arrive("a.jpg", "b.tif")
    room.waits(QUIET - 1)
    assert isinstance(room.look(1), Refused)
    assert isinstance(room.look(GIVE_UP), NoPhotos)


def test_the_expected_number_of_complete_photos_starts_at_once() -> None:
    room = Room(expected=3, judgements={"c.jpg": None})
    room.arrive("a.jpg", "b.jpg")
    room.waits(5)
    room.put("c.jpg")
    first = room.waits()
    assert first.look_at == room.now + 0.2
    second = room.waits(0.2)
    assert [file.name for file in second.to_decode] == ["c.jpg"]
    room.judgements["c.jpg"] = WHOLE
    assert photo_names(room.look()) == ["a.jpg", "b.jpg", "c.jpg"]


def test_a_ready_file_written_last_starts_the_set_and_goes_with_it() -> None:
    room = Room(ready_at=5)
    room.arrive("a.jpg", "b.jpg")
    verdict = room.look(0.2)
    assert isinstance(verdict, Settled)
    assert [file.name for file in verdict.companions] == [".ready"]


def test_a_ready_file_older_than_a_photo_says_nothing() -> None:
    room = Room(ready_at=1)
    room.put("a.jpg")
    room.arrive("a.jpg")
    room.waits(1)


def test_a_given_file_that_leaves_and_returns_is_a_new_one() -> None:
    room = Room()
    room.arrive("a.jpg")
    assert isinstance(room.look(QUIET), Settled)
    held = room.files.pop("a.jpg")
    room.look(1)
    room.files["a.jpg"] = held
    room.look(1)
    assert isinstance(room.look(QUIET), Settled)


NAMES = st.sampled_from(["a.jpg", "b.jpg", "c.jpg", "a.xmp", "a.jpg.part"])
STEPS = st.lists(
    st.tuples(st.floats(0, 20), st.sampled_from(["put", "remove", "look", "whole", "unfinished"]), NAMES),
    max_size=40,
)


@settings(max_examples=300)
@given(STEPS, st.sampled_from([None, 2]))
def test_nothing_is_ready_before_its_time_and_everything_is_in_the_end(
    steps: list[tuple[float, str, str]], expected: int | None
) -> None:
    """Against any history: Settled means unchanged for the quiet time; without further changes everything is
    reported exactly once."""
    room = Room(expected=expected)
    touched: dict[str, float] = {}
    for wait, what, name in steps:
        room.now += wait
        if what == "put":
            room.put(name)
            touched[name] = room.now
        elif what == "remove":
            room.files.pop(name, None)
        elif what == "whole":
            room.judgements[name] = WHOLE
        elif what == "unfinished":
            room.judgements[name] = UNFINISHED
        verdict = room.look()
        if isinstance(verdict, Settled):
            ages = [room.now - touched[file.name] for file in verdict.photos]
            hurried = expected == len(verdict.photos)
            assert min(ages) >= (0.2 if hurried else QUIET) - 1e-6
            assert not any(file.endswith(".part") for file in room.files)
            assert all(room.judgements.get(file.name, WHOLE) is WHOLE for file in verdict.photos)
    room.files.pop("a.jpg.part", None)
    room.judgements.clear()
    for _ in range(6):
        verdict = room.look()
        if not isinstance(verdict, Waiting):
            break
        assert verdict.look_at is not None
        room.now = verdict.look_at
    assert isinstance(room.look(GIVE_UP), NoPhotos)
    given_now = room.state.decided if room.state is not None else {}
    assert {name for name in room.files if name.endswith(".jpg")} <= given_now.keys()
    said = [(file.name, file.identity) for verdict in room.said for file in _photos(verdict)]
    assert len(said) == len(set(said))


def _photos(verdict: Settled | Refused) -> tuple[SeenFile, ...]:
    return verdict.photos if isinstance(verdict, Settled) else verdict.files


def settled_drop() -> Room:
    """A flat drop of two photos that has been reported once."""
    room = Room(folder="")
    room.arrive("a.jpg", "b.jpg")
    assert photo_names(room.look(QUIET)) == ["a.jpg", "b.jpg"]
    return room


def test_a_flat_drop_is_said_once_and_anew_as_a_whole_when_it_changes() -> None:
    """A held drop must be grouped anew with photos that are added, or without those that are removed."""
    room = settled_drop()
    assert isinstance(room.look(100), NoPhotos)
    room.arrive("c.jpg")
    assert photo_names(room.look(QUIET)) == ["a.jpg", "b.jpg", "c.jpg"]
    del room.files["b.jpg"]
    room.look()
    assert photo_names(room.look(QUIET)) == ["a.jpg", "c.jpg"]
    assert isinstance(room.look(100), NoPhotos)


def test_what_a_job_has_of_a_flat_drop_is_not_said_again() -> None:
    """Neither while the job is active, nor after its photos are gone."""
    room = settled_drop()
    room.claimed = {"a.jpg", "b.jpg"}
    assert isinstance(room.look(100), NoPhotos)
    room.arrive("c.jpg")
    assert photo_names(room.look(QUIET)) == ["c.jpg"]
    room.files = {"c.jpg": room.files["c.jpg"]}
    room.claimed = set()
    assert isinstance(room.look(), NoPhotos)


def test_a_ready_file_approves_a_flat_drop_that_was_said_before_without_quiet() -> None:
    room = settled_drop()
    room.ready_at = room.changes + 1
    verdict = room.look()
    assert isinstance(verdict, Settled) and verdict.approved
    assert photo_names(verdict) == ["a.jpg", "b.jpg"]
    assert isinstance(room.look(100), NoPhotos)


def test_a_flat_drop_is_never_refused_but_waits_to_be_mended() -> None:
    """A whole shoot in failed/ for one bad photo would help nobody."""
    room = Room(folder="", judgements={"b.tif": UNUSABLE})
    room.arrive("a.jpg", "b.tif")
    verdict = room.look(QUIET)
    assert isinstance(verdict, Waiting) and not verdict.may_proceed
    assert (verdict.reason, verdict.hint) == ("b.tif is a TIFF.", "Export JPEG.")
    del room.files["b.tif"]
    room.look()
    assert photo_names(room.look(QUIET)) == ["a.jpg"]
