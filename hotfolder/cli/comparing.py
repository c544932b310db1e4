"""`check --against-inbox`: which waiting sets a file of settings would treat otherwise. Only reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from hotfolder.cli.explain import shoot_answers
from hotfolder.cli.shoots import ShootAnswer, counted
from hotfolder.config.rulebooks import rulebook_for
from hotfolder.config.ruletext import rules_from_json
from hotfolder.config.settings import InboxSettings, Settings
from hotfolder.daemon.reporter import RULES
from hotfolder.errors import RuleRefused
from hotfolder.inbox.scan import scan
from hotfolder.inbox.snapshot import SetFolder
from hotfolder.jobs.database import read_store
from hotfolder.jobs.states import State
from hotfolder.jobs.store import Store
from hotfolder.jobs.tables import FileRole, Job
from hotfolder.jobs.tools import recipe_of
from hotfolder.rules.delivery import Delivery
from hotfolder.rules.nearest import printable, shown
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.routing import Plan, Rulebook, plan
from hotfolder.stager.operations import Operation

NOTHING_YET = (
    "No daemon has worked with these folders yet, so there are no rules in force to compare with."
    " `hotfolder explain` shows what this file does to a folder."
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A set that would be treated otherwise. `job` is empty for one that is still in the inbox."""

    project: str
    folder: str
    job: str
    now: str
    then: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """`waiting` is how many sets were looked at; None where there is nothing to compare with."""

    waiting: int | None
    different: tuple[Difference, ...] = ()
    unreadable: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        if self.waiting is None:
            yield NOTHING_YET
            return
        number = f"{len(self.different)} of" if self.different else "None of"
        yield f"{number} {counted(self.waiting, 'waiting set')} would be treated differently by this file."
        for one in self.different:
            yield printable(f"  {one.project} / {one.folder or '(the whole shoot)'}")
            yield printable(f"    in force:  {one.now}")
            yield printable(f"    this file: {one.then}")
        yield from (f"  Could not be looked at: {why}" for why in self.unreadable)

    def as_dict(self) -> dict[str, object]:
        return {
            "waiting": self.waiting,
            "different": [asdict(one) for one in self.different],
            "unreadable": list(self.unreadable),
        }


def compare(fresh: Settings) -> Comparison:
    """Hold `fresh` against the rules that the store has as those in force, set by set."""
    database = read_store(fresh.state_folder)
    if database is None:
        return Comparison(None)
    try:
        store = Store(database)
        running = rules_from_json(store.bulletin(RULES), fresh)
        if running is None:
            return Comparison(None)
        jobs = [by_job(store, job, fresh) for job in store.in_states([State.QUEUED])]
        claimed: dict[tuple[str, str, str], set[str]] = {}
        for job in store.active():
            names = {file.name for file in store.files(job.id)}
            claimed.setdefault((job.inbox, job.project, job.folder), set()).update(names)
    finally:
        database.dispose()
    waiting, different, unreadable = len(jobs), [one for one in jobs if one is not None], []
    for inbox in fresh.all_inboxes():
        try:
            folders = list(scan(fresh.inbox_folder(inbox)).folders.values())
        except OSError as error:
            unreadable.append(f"{fresh.inbox_folder(inbox)}: {error.strerror}")
            continue
        for folder in folders:
            taken = claimed.get((inbox.title, *folder.key), set())
            number = sum(photo.name not in taken for photo in folder.photos)
            if number:
                waiting += 1
                found = by_folder(running, fresh, inbox, folder, number)
                different += [found] if found else []
    return Comparison(waiting, tuple(different), tuple(unreadable))


def by_job(store: Store, job: Job, fresh: Settings) -> Difference | None:
    """A job that waits for its turn: what it is to become, and what it would become."""
    number = sum(file.role == FileRole.PHOTO for file in store.files(job.id))
    if job.inbox not in {one.title for one in fresh.all_inboxes()}:
        then = "its inbox is not in this file"
    else:
        then = treatment(rulebook_for(fresh, job.inbox), job.project, job.folder or job.room, number)
    now = said(job.route, recipe_of(job))
    return Difference(job.project, job.shown_folder, job.id, now, then) if now != then else None


def by_folder(
    running: Settings, fresh: Settings, inbox: InboxSettings, folder: SetFolder, photos: int
) -> Difference | None:
    """A set that is still in the inbox, by the rules in force and by those of the file."""
    if inbox.title not in {one.title for one in running.all_inboxes()}:
        return None  # nobody watches it yet
    project, name = folder.key
    if folder.flat:
        path = fresh.inbox_folder(inbox) / project
        now, then = (said_of_shoot(one) for one in shoot_answers((running, fresh), path))
    else:
        books = (rulebook_for(running, inbox.title), rulebook_for(fresh, inbox.title))
        now, then = (treatment(book, project, name, photos, settling=True) for book in books)
    return Difference(project, name, "", now, then) if now != then else None


def treatment(rulebook: Rulebook, project: str, folder: str, photos: int, *, settling: bool = False) -> str:
    """What the rules make of a set, in one line; with `settling` also when it starts."""
    try:
        decided = plan(rulebook, project, folder, photos)
    except RuleRefused as error:
        return f"refused: {error.message}"
    text = said(decided.route, decided.recipe)
    return f"{text}; {starts(rulebook, decided)}" if settling else text


def starts(rulebook: Rulebook, decided: Plan) -> str:
    settle = decided.settle
    quiet = rulebook.defaults.quiet_seconds if settle.quiet_seconds is None else settle.quiet_seconds
    at_once = f" or at once with {settle.expected_photos} photos" if settle.expected_photos else ""
    return f"starts after {quiet:g} quiet seconds{at_once}"


def said(route: str | None, recipe: Recipe) -> str:
    """A route and its recipe in one line; equal lines mean equal recipes."""
    parts = []
    if recipe.merge:
        off = [name for name, on in recipe.hdr.body().items() if not on]
        parts.append(f"merge without {' and '.join(off)}" if off else "merge")
    parts += [in_words(operation) for operation in recipe.operations]
    for one in recipe.variants:
        parts.append(f"{one.name} with {' and '.join(in_words(operation) for operation in one.operations)}")
    by = f"route {shown(route)}" if route else "defaults"
    usual = Delivery().model_dump(mode="json")
    delivery = [
        f"{name} {value}"
        for name, value in recipe.delivery.model_dump(mode="json").items()
        if value != usual[name]
    ]
    delivered = f"; delivered with {', '.join(delivery)}" if delivery else ""
    return f"{by}: {', then '.join(parts)}{delivered}"


def in_words(operation: Operation) -> str:
    details = ", ".join(f"{name} {value}" for name, value in operation.body().items())
    return f"{operation.kind} ({details})"


def said_of_shoot(answer: ShootAnswer) -> str:
    """A whole shoot in one line: its sets with their photos and recipes."""
    if answer.shoot is None:
        return f"refused: {'; '.join(answer.problems)}"
    sets = [
        f"{each.name} of {counted(len(each.photos), 'photo')}: {said(room.plan.route, room.plan.recipe)}"
        for each, room in zip(answer.shoot.sets, answer.rooms, strict=True)
    ]
    refused = [f"{one.name} refused" for one in answer.shoot.refused]
    held = ["held for a person"] if answer.shoot.asks else []
    return "; ".join((*held, *sets, *refused)) or "no set"
