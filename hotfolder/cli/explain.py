"""`hotfolder explain`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hotfolder.cli.forecast import forecast
from hotfolder.cli.problems import FAILED
from hotfolder.cli.shoots import Bill, ShootAnswer, approved, counted, explain_shoot, room_answer
from hotfolder.config.load import load
from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.settings import InboxSettings, Settings
from hotfolder.display import say as print
from hotfolder.errors import BadJob, UsageError
from hotfolder.inbox.contents import SeenFile, SetFolder
from hotfolder.inbox.scan import scan_folders
from hotfolder.jobs.database import read_store
from hotfolder.jobs.store import Store
from hotfolder.pictures.facts import PictureFacts, PictureLimits
from hotfolder.pictures.inspect import inspect
from hotfolder.rules.explain import Explanation, Sent
from hotfolder.rules.explain import explain as explain_plan
from hotfolder.rules.names import printable, without_ok
from hotfolder.rules.prices import Prices
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.rules.shoots import why_held


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of one folder: an explanation, or why it would be refused. `remembered` are the paid calls
    that were made before, by kind; `held` is why a person must look first, without its full stop."""

    folder: Path
    explanation: Explanation | None
    remembered: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    held: str = ""
    kept_out: tuple[str, ...] = ()

    @property
    def bills(self) -> tuple[Bill, ...]:
        found = self.explanation
        return () if found is None else (Bill(found.paid_kinds, self.remembered, len(found.photos)),)

    def brief(self, prices: Prices) -> Iterator[str]:
        """One line, and one for each thing that a person should know."""
        name = printable(f"{self.folder.parent.name} / {self.folder.name}")
        for bill in self.bills:
            assert self.explanation is not None
            yield f"{name}: {self.explanation.brief()}; {bill.told(prices)}"
        if self.explanation is None:
            yield name
        yield from (f"    {line}" for line in self._remarks())

    def lines(self, prices: Prices, *, calls: bool) -> Iterator[str]:
        yield printable(str(self.folder))
        if self.explanation is not None:
            yield from (f"  {line}" for line in self.explanation.lines(calls=calls))
        yield from (f"  To pay   {bill.told(prices)}" for bill in self.bills)
        yield from (f"  {line}" for line in self._remarks())

    def _remarks(self) -> Iterator[str]:
        yield from (f"Kept out of the merge: {reason}" for reason in self.kept_out)
        if self.held:
            yield f"HELD: {self.held}. Nothing is paid before that."
        yield from (f"REFUSED before anything is sent: {problem}" for problem in self.problems)

    def as_dict(self) -> dict[str, object]:
        found = self.explanation.as_dict() if self.explanation else {}
        return {
            "path": str(self.folder),
            **found,
            "remembered_calls": len(self.remembered),
            "held": bool(self.held),
            "kept_out": list(self.kept_out),
            "problems": list(self.problems),
        }


def explain(path: Path, config: Path, *, as_json: bool, calls: bool = False) -> int:
    """Explain a set's folder, or every set of a project or an inbox. 1 when one would be refused."""
    settings = load(config, os.environ)
    answers = [
        shoot_answer(settings, folder) if is_project(settings, folder) else answer(settings, folder)
        for folder in sets_below(settings, path)
    ]
    if as_json:
        told = [one.as_dict() for one in answers]
        print(json.dumps(told[0] if len(told) == 1 else told, indent=2))
    else:
        print("\n".join(said(answers, settings.prices, calls=calls)))
    return FAILED if any(one.problems for one in answers) else 0


def said(answers: Sequence[Answer | ShootAnswer], prices: Prices, *, calls: bool) -> Iterator[str]:
    """A line for each of several sets and what they come to together; all about one alone, or with its
    `calls`."""
    bills = [bill for one in answers for bill in one.bills]
    alone = len(answers) == 1 and len(bills) <= 1
    for number, one in enumerate(answers):
        if alone or calls:
            yield from (*([""] if number else []), *one.lines(prices, calls=calls))
        else:
            yield from one.brief(prices)
    if not alone:
        photos = sum(bill.photos for bill in bills)
        whole = Bill(
            tuple(kind for bill in bills for kind in bill.kinds),
            tuple(kind for bill in bills for kind in bill.remembered),
            photos,
        )
        yield ""
        yield f"Together: {counted(len(bills), 'set')}, {counted(photos, 'photo')}, {whole.told(prices)}."
        if not calls:
            yield "Add --calls to see every call, or name one room's folder."


def sets_below(settings: Settings, path: Path) -> list[Path]:
    """The folder itself when photos lie in it, else the folders in it that hold some; both for a project's
    folder in an inbox, and for all projects of an inbox. Raises UsageError."""
    folder = path.absolute()
    if not folder.is_dir():
        raise UsageError(f"{path} is not a folder", hint="Give a room's folder, a project's, or an inbox.")
    around = folders_in(folder) if folder in inboxes_of(settings) else [folder]
    candidates = [one for outer in around for one in (outer, *folders_in(outer))]
    found = [one for one in candidates if photos_in(settings, one)]
    if not found:
        raise UsageError(f"there are no photos in {path}, nor in its folders")
    return found[:1] if found[0] == folder and not is_project(settings, folder) else found


def folders_in(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.is_dir())


def inboxes_of(settings: Settings) -> list[Path]:
    return [settings.inbox_folder(inbox) for inbox in settings.all_inboxes()]


def is_project(settings: Settings, folder: Path) -> bool:
    """Whether the folder is a project's in an inbox, so that photos in it are a whole shoot."""
    return folder.parent in inboxes_of(settings)


def photos_in(settings: Settings, folder: Path) -> tuple[SeenFile, ...]:
    """The photos of a folder in their order, as the inbox sees them."""
    seen = set_seen(settings, folder)
    return seen.photos if seen else ()


def set_seen(settings: Settings, folder: Path) -> SetFolder | None:
    if is_project(settings, folder):
        root, key = folder.parent, (folder.name, "")
    else:
        root, key = folder.parent.parent, (folder.parent.name, folder.name)
    return scan_folders(root, [key]).folders.get(key)


def shoot_answer(settings: Settings, folder: Path) -> ShootAnswer:
    """What is said of a whole shoot."""
    read = read_photos(settings, folder)
    inbox = inbox_of(settings, folder)
    try:
        told = explain_shoot(
            settings, inbox, rulebook_for(settings, inbox), folder, read.usable, read.problems
        )
        return told.waiting_for("") if approved(set_seen(settings, folder)) else told
    except BadJob as error:
        return ShootAnswer(folder, None, problems=(*read.problems, sentence(error)))


@dataclass(frozen=True, slots=True)
class ReadPhotos:
    """The photos of a folder, by name in their order, those that can be used with their facts; and why the
    others can't."""

    facts: dict[str, PictureFacts | None]
    usable: list[tuple[SeenFile, PictureFacts]]
    problems: tuple[str, ...]


def read_photos(settings: Settings, folder: Path) -> ReadPhotos:
    limits = PictureLimits(settings.limits.photo_bytes)
    usable: list[tuple[SeenFile, PictureFacts]] = []
    problems: list[str] = []
    files = photos_in(settings, folder)
    for file in files:
        try:
            usable.append((file, inspect(folder / file.name, limits=limits)))
        except BadJob as error:
            problems.append(sentence(error))
    facts = {file.name: found for file, found in usable}
    return ReadPhotos({file.name: facts.get(file.name) for file in files}, usable, tuple(problems))


def answer(settings: Settings, folder: Path) -> Answer | ShootAnswer:
    """What is said of a room's folder; as of a shoot where it holds several sets."""
    inbox = inbox_of(settings, folder)
    rulebook = rulebook_for(settings, inbox)
    read = read_photos(settings, folder)
    photos, problems = read.facts, read.problems
    kept_out: tuple[str, ...] = ()
    called = ""
    held = told_to_wait(settings, inbox, rulebook, folder)
    try:
        if not problems:
            several, room = room_answer(settings, inbox, rulebook, folder, read.usable)
            if several is not None:
                return several.waiting_for(held)
            called = next((each.name for each in room.sets), "")
            kept_out = tuple(room.kept_out.values())
            photos = {name: facts for name, facts in photos.items() if name not in room.kept_out}
        found = explanation(rulebook, folder, photos, called)
    except BadJob as error:
        return Answer(folder, None, problems=(*problems, sentence(error)))
    remembered = () if problems else forecast(settings, found, [one.sha256 for one in photos.values() if one])
    return Answer(folder, found, remembered, problems, held, kept_out)


def told_to_wait(settings: Settings, inbox: InboxSettings, rulebook: Rulebook, folder: Path) -> str:
    """Why a person must look at the room first, as the daemon would say it; "" where nobody must."""
    if approved(set_seen(settings, folder)):
        return ""
    place = (inbox.title, *map(without_ok, (folder.parent.name, folder.name)))
    database = read_store(settings.state_folder)
    try:
        known = database is not None and Store(database).latest_of_folder(*place) is not None
    finally:
        if database is not None:
            database.dispose()
    return why_held(rulebook, *place[1:], known=known)


def explanation(
    rulebook: Rulebook, folder: Path, photos: dict[str, PictureFacts | None], room: str
) -> Explanation:
    decided = plan(rulebook, folder.parent.name, folder.name, len(photos))
    decided = replace(decided, room=room or decided.room)
    sent = {name: Sent(facts.format, facts.develop) if facts else Sent() for name, facts in photos.items()}
    return explain_plan(decided, sent)


def inbox_of(settings: Settings, folder: Path) -> InboxSettings:
    """The inbox that the folder lies in; the first one for a folder that lies elsewhere."""
    inboxes = settings.all_inboxes()
    return next((one for one in inboxes if folder.is_relative_to(settings.inbox_folder(one))), inboxes[0])


def sentence(error: BadJob) -> str:
    return f"{error.message} {error.hint}".strip()
