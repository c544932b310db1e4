"""What `hotfolder explain` says of a whole shoot, and `hotfolder approve`."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hotfolder.cli.forecast import forecast
from hotfolder.config.load import load
from hotfolder.config.settings import InboxSettings, Settings
from hotfolder.daemon.shoots import ONLY, as_held, as_kept, held_title, names_in_signal, title
from hotfolder.display import say as print
from hotfolder.errors import UsageError
from hotfolder.inbox.contents import READY_NAME, SeenFile, SetFolder
from hotfolder.inbox.scan import scan_folders
from hotfolder.inbox.tracker import photo_of
from hotfolder.jobs.database import read_store
from hotfolder.jobs.previous import earlier_sets, room_named
from hotfolder.jobs.store import Store
from hotfolder.newfiles import new_file
from hotfolder.outbox.faults import local_trouble
from hotfolder.pictures.facts import PictureFacts
from hotfolder.rules.explain import Explanation, Sent
from hotfolder.rules.explain import explain as explain_plan
from hotfolder.rules.late import EarlierSet
from hotfolder.rules.names import printable, shown, split_name, without_ok
from hotfolder.rules.prices import Prices
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.rules.sets import Photo, as_grouped
from hotfolder.rules.shoots import HeldSet, NamedSet, Shoot, group_folder, group_shoot, sort_shoot


@dataclass(frozen=True, slots=True)
class Bill:
    """What a set, or several, would cost: its paid calls by kind, and those of them that were made before."""

    kinds: tuple[str, ...]
    remembered: tuple[str, ...]
    photos: int

    def told(self, prices: Prices) -> str:
        """What is still to be paid, and what is paid already."""
        left = Counter(self.kinds) - Counter(self.remembered)
        cost = prices.told(left.elements())
        text = f"{counted(left.total(), 'paid call')}{f', {cost}' if cost else ''}"
        return f"{text} ({len(self.remembered)} more paid already)" if self.remembered else text


@dataclass(frozen=True, slots=True)
class ShootAnswer:
    """What is said of the photos that lie in a project's folder itself. `rooms` go with `shoot.sets`, as does
    `remembered`: the paid calls of a set that were made before, by kind."""

    folder: Path
    shoot: Shoot | None
    rooms: tuple[Explanation, ...] = ()
    remembered: tuple[tuple[str, ...], ...] = ()
    earlier: int = 0
    problems: tuple[str, ...] = ()
    room: bool = False
    waiting: tuple[str, ...] = ()

    def waiting_for(self, reason: str) -> ShootAnswer:
        """The same where a person must look at all of it first, for that reason; without one at nothing."""
        if self.shoot is None:
            return self
        held = frozenset(each.name for each in self.shoot.sets if reason)
        return replace(self, shoot=replace(self.shoot, asks=reason, held=held))

    @property
    def paid_calls(self) -> int:
        return sum(room.paid_calls for room in self.rooms)

    @property
    def bills(self) -> tuple[Bill, ...]:
        return tuple(
            Bill(room.paid_kinds, remembered, len(room.photos))
            for room, remembered in zip(self.rooms, self.remembered, strict=True)
        )

    def brief(self, prices: Prices) -> Iterator[str]:
        """A line for each set, and one for each thing that a person should know."""
        return self._lines(prices, calls=None)

    def lines(self, prices: Prices, *, calls: bool) -> Iterator[str]:
        return self._lines(prices, calls=calls)

    def _lines(self, prices: Prices, *, calls: bool | None) -> Iterator[str]:
        what = "a room with more than one set" if self.room else "a whole shoot in one folder"
        name = f"{self.folder.parent.name} / {self.folder.name}" if self.room else self.folder.name
        yield printable(f"{name}: {what}")
        if self.shoot is not None:
            yield from (f"  {line}" for line in self._sets(self.shoot, prices, calls))
            yield from (f"  {line}" for line in self._remarks(self.shoot))
        yield from (f"  Waits: {reason}." for reason in self.waiting)
        yield from (f"  Waits for somebody to mend it: {problem}" for problem in self.problems)

    def _sets(self, shoot: Shoot, prices: Prices, calls: bool | None) -> Iterator[str]:
        for each, room, bill in zip(shoot.sets, self.rooms, self.bills, strict=True):
            evidence = f"; evidence: {', '.join(each.evidence)}" if each.evidence else ""
            yield f"{printable(each.name)}: {room.brief()}; {bill.told(prices)}{evidence}"
            yield from (f"    DOUBT: {text}" for text in each.doubts)
            if calls is not None:
                yield from (f"    {line}" for line in room.lines(calls=calls))

    def _remarks(self, shoot: Shoot) -> Iterator[str]:
        if self.earlier:
            yield f"Left aside: {counted(self.earlier, 'photo')} of sets under way or kept out before"
        for refused in shoot.refused:
            yield f"REFUSED: {printable(refused.name)}: {refused.reason} {refused.hint}"
        where = "Kept out of the merge" if self.room else "Left in the inbox"
        yield from (f"{where}: {reason}" for reason in shoot.kept_out.values())
        yield from (f"Note: {notice}" for notice in shoot.notices)
        yield from (f"DOUBT about the whole: {doubt}" for doubt in shoot.doubts)
        if not shoot.asks:
            yield "It starts by itself."
            return
        place = self.folder.relative_to(self.folder.parents[1 if self.room else 0])
        what = "Nothing is" if shoot.waits_whole else "Nothing of what is held is"
        yield f"HELD: {shoot.asks}."
        yield f"{what} sent before: hotfolder approve {shlex.quote(printable(str(place)))}"

    def as_dict(self) -> dict[str, object]:
        shoot = self.shoot
        found: dict[str, object] = {}
        if shoot is not None:
            found = {
                "sets": [
                    {
                        **room.as_dict(),
                        "remembered_calls": len(remembered),
                        "evidence": list(each.evidence),
                        "doubts": list(each.doubts),
                    }
                    for each, room, remembered in zip(shoot.sets, self.rooms, self.remembered, strict=True)
                ],
                "refused": [
                    {
                        "name": one.name,
                        "photos": [photo.path.name for photo in one.photos],
                        "reason": one.reason,
                        "hint": one.hint,
                    }
                    for one in shoot.refused
                ],
                "kept_out": shoot.kept_out,
                "notices": list(shoot.notices),
                "doubts": list(shoot.doubts),
                "held": shoot.asks,
                "paid_calls": self.paid_calls,
                "remembered_calls": sum(map(len, self.remembered)),
            }
        told = {"waiting": list(self.waiting), "problems": list(self.problems)}
        return {"path": str(self.folder), **found, **told}


@dataclass(frozen=True, slots=True)
class Aside:
    """What the store says of a flat drop: names of files that are left aside, and of sets made before; and
    those of the sets that were made of such drops."""

    names: frozenset[str] = frozenset()
    rooms: frozenset[str] = frozenset()
    earlier: tuple[EarlierSet, ...] = ()
    held: tuple[HeldSet, ...] = ()


def approved(seen: SetFolder | None) -> bool:
    """Whether a person has said, of all that lies in the folder, that it may be made."""
    if seen is None or without_ok(seen.project) != seen.project or without_ok(seen.folder) != seen.folder:
        return seen is not None
    return seen.signal() is not None


def explain_shoot(
    settings: Settings,
    inbox: InboxSettings,
    rulebook: Rulebook,
    folder: Path,
    seen: list[tuple[SeenFile, PictureFacts]],
    problems: tuple[str, ...],
) -> ShootAnswer:
    """Group the photos that could be read; raises RuleRefused where the project's name doesn't allow it."""
    aside = left_aside(settings, inbox, without_ok(folder.name), [file for file, _ in seen])
    photos = [
        photo_of(folder / file.name, file.identity, facts)
        for file, facts in seen
        if file.name not in aside.names
    ]
    left = len(seen) - len(photos)
    back = sort_shoot(rulebook, folder.name, photos, aside.earlier)
    photos = [photo for photo in photos if photo.path.name not in back.aside]
    waiting = tuple(back.reasons)
    if not photos:
        return ShootAnswer(folder, None, earlier=left, problems=problems, waiting=waiting)
    shoot = group_shoot(rulebook, folder.name, photos, aside.rooms, back, aside.held)
    rooms = tuple(room_of(rulebook, folder.name, each) for each in shoot.sets)
    remembered = remembered_of(settings, shoot, rooms)
    return ShootAnswer(folder, shoot, rooms, remembered, left, problems, waiting=waiting)


def remembered_of(
    settings: Settings, shoot: Shoot, rooms: Sequence[Explanation]
) -> tuple[tuple[str, ...], ...]:
    """What of each set is bought already."""
    return tuple(
        forecast(settings, room, [photo.sha256 for photo in each.photos])
        for each, room in zip(shoot.sets, rooms, strict=True)
    )


def room_answer(
    settings: Settings,
    inbox: InboxSettings,
    rulebook: Rulebook,
    folder: Path,
    seen: list[tuple[SeenFile, PictureFacts]],
) -> tuple[ShootAnswer | None, Shoot]:
    """How a room's folder is grouped; with what is said of it where it holds several sets. Raises
    RuleRefused."""
    photos = [photo_of(folder / file.name, file.identity, facts) for file, facts in seen]
    name = called(settings, inbox, folder, photos)
    found = group_folder(rulebook, folder.parent.name, folder.name, photos, room=name)
    if len(found.sets) < 2:
        return None, found
    rooms = tuple(room_of(rulebook, folder.parent.name, each, folder.name) for each in found.sets)
    return ShootAnswer(folder, found, rooms, remembered_of(settings, found, rooms), room=True), found


def called(settings: Settings, inbox: InboxSettings, folder: Path, photos: Sequence[Photo]) -> str:
    """What the room in that folder is called, beside those that the store knows; "" where there is none."""
    database = read_store(settings.state_folder)
    if database is None:
        return ""
    try:
        place = (inbox.title, without_ok(folder.parent.name), without_ok(folder.name))
        wanted = split_name(folder.name).name or folder.name
        return room_named(Store(database), place, wanted, [as_grouped(photo) for photo in photos])
    finally:
        database.dispose()


def room_of(rulebook: Rulebook, project: str, each: NamedSet, folder: str = "") -> Explanation:
    """What the rules make of one set; `folder` is the room's that it lies in, if it is in one."""
    sent = {photo.path.name: Sent(photo.format, photo.develop) for photo in each.photos}
    decided = plan(rulebook, project, folder or each.name, len(each.photos))
    return explain_plan(replace(decided, room=each.name), sent)


def left_aside(settings: Settings, inbox: InboxSettings, project: str, files: list[SeenFile]) -> Aside:
    """What belongs to sets under way, or was kept out of earlier ones and is as it was."""
    database = read_store(settings.state_folder)
    if database is None:
        return Aside()
    try:
        store = Store(database)
        kept = as_kept(store.bulletin(title(inbox.title, project)))
        names = {file.name for file in files if kept.get(file.name, (None,))[0] == file.identity}
        for job in store.active():
            if (job.inbox, job.project, job.folder) == (inbox.title, project, ""):
                names |= {file.name for file in store.files(job.id)}
        rooms = frozenset(store.rooms(inbox.title, project))
        earlier = tuple(earlier_sets(store, inbox.title, project))
        held = tuple(as_held(store.bulletin(held_title(inbox.title, project))))
        return Aside(frozenset(names), rooms, earlier, held)
    finally:
        database.dispose()


def approve(what: str, config: Path) -> int:
    """Put `.ready` into a project's folder, or a room's, which lets the photos in it be made as they are.
    Raises UsageError."""
    settings = load(config, os.environ)
    found = held_set_named(settings, what)
    inbox, key, only = found or (*place_named(settings, what), "")
    folder = inbox.joinpath(*key)
    seen = scan_folders(inbox, [key]).folders.get(key)
    if seen is None or not seen.photos:
        rooms = "" if key[1] else ", ".join(shown(f"{key[0]}/{room}") for room in rooms_of(folder))
        raise UsageError(
            f"no photos lie in {folder} itself",
            hint=f"Rooms that are held are approved one by one: {rooms}."
            if rooms
            else "A whole shoot in its project's folder is approved, or a room that is held for a review.",
        )
    ready = folder / READY_NAME
    with local_trouble(folder):
        spoken_for = names_in_signal(ready) if only else frozenset()
        ready.unlink(missing_ok=True)  # an older one would not speak for these photos
        with os.fdopen(new_file(str(ready)), "w", encoding="utf-8") as file:
            file.writelines(f"{ONLY}{name}\n" for name in sorted({*spoken_for, only}) if only)
    which = f"{only}, which was held," if only else f"the {counted(len(seen.photos), 'photo')} there"
    print(f"Made {ready}: {which} may be made as {'it is' if only else 'they are'}.")
    print("hotfolder takes the file away once it has begun with that.")
    return 0


def held_set_named(settings: Settings, what: str) -> tuple[Path, tuple[str, str], str] | None:
    """The inbox, project and name of a set that is held by itself in a project's folder, if `what` is
    `project/set`, by itself or at the end of a path."""
    around, _, name = what.rpartition("/")
    database = read_store(settings.state_folder) if around and name and not Path(what).is_dir() else None
    if database is None:
        return None
    try:
        for inbox in settings.all_inboxes():
            folder, project = settings.inbox_folder(inbox), Path(around).name
            held = as_held(Store(database).bulletin(held_title(inbox.title, project)))
            if name in (one.name for one in held) and not (folder / project / name).is_dir():
                return folder, (project, ""), name
    finally:
        database.dispose()
    return None


def rooms_of(project: Path) -> list[str]:
    """The names of the folders in a project's folder, those that begin with a dot aside."""
    with local_trouble(project):
        return sorted(one.name for one in project.iterdir() if one.is_dir() and one.name[0] != ".")


def place_named(settings: Settings, what: str) -> tuple[Path, tuple[str, str]]:
    """The inbox, and the project and room ("" for a whole shoot), of a folder that is given by its path or by
    its place in an inbox: `12 Elm Road` or `12 Elm Road/front`. Raises UsageError."""
    inboxes = [settings.inbox_folder(inbox) for inbox in settings.all_inboxes()]
    found = places_below(inboxes, [Path(what).absolute()])
    found = found or places_below(inboxes, [inbox / what for inbox in inboxes])
    if len(found) != 1:
        where = ", ".join(str(inbox) for inbox in inboxes)
        if found:
            raise UsageError(f"{what} is in several inboxes", hint="Give the folder's path.")
        raise UsageError(
            f"there is no folder of a project or room {shown(what)} in {where}",
            hint="Drop it there first, then give the folder's path, or its name: project, or project/room.",
        )
    return found[0]


def places_below(inboxes: Sequence[Path], paths: Sequence[Path]) -> list[tuple[Path, tuple[str, str]]]:
    """Those of the paths that are folders of projects and rooms."""
    there = [path for path in paths if path.is_dir()]
    projects = [(path.parent, (path.name, "")) for path in there if path.parent in inboxes]
    rooms = [
        (path.parent.parent, (path.parent.name, path.name)) for path in there if path.parent.parent in inboxes
    ]
    return projects + rooms


def counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
