"""The views of one project and of one set on a page: pictures, exposures, receipt, price."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import NamedTuple

from hotfolder.config.settings import Settings
from hotfolder.control.actions import open_question
from hotfolder.control.board import Card, ProjectCards, card_of, newest_lines, sorted_cards, with_frames
from hotfolder.control.lookup import (
    PicturePlace,
    open_picture,
    photo_id,
    picture_id,
    placed_in,
    project_id,
)
from hotfolder.control.offers import recipe_now, still_to_pay
from hotfolder.control.opening import now, overview_in, places_in_use, reading, reading_existing
from hotfolder.errors import Unknown, UsageError
from hotfolder.jobs import queries
from hotfolder.jobs.commands import Priority, project_priority
from hotfolder.jobs.generations import present_generation
from hotfolder.jobs.model import SANDBOX, Job, JobFile, Purchase
from hotfolder.jobs.states import ACTIVE, ASKS_API, NEEDS_PERSON, State
from hotfolder.jobs.store import Store
from hotfolder.outbox.receipts import Receipt, parse_receipt
from hotfolder.rules.delivery import LABELLED
from hotfolder.rules.foldernames import to_nfc
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.sets import ev_above_middle
from hotfolder.telemetry.history import JobHistory
from hotfolder.telemetry.history import history as history_of
from hotfolder.telemetry.overview import Line, Overview, line_of

ROOMS_A_PAGE = 100
"""How many sets of a project are shown at once: a page with 1,000 takes browser and server seconds, and its
pictures' ids, 70 KB in the URL of their ZIP, are more than a proxy accepts (nginx: 8 KB)."""
MOST_NAMED = 10
"""How many files a message names."""
MOST_RECEIPT_BYTES = 4 * 1024 * 1024
"""The most bytes read of a receipt. Ours are smaller; a file on a share may have been replaced by another."""


class KnownProject(NamedTuple):
    """A project in an inbox. `at` is the last change of one of its sets."""

    inbox: str
    name: str
    at: datetime

    @property
    def id(self) -> str:
        return project_id(self.inbox, self.name)


@dataclass(frozen=True, slots=True)
class ProjectView:
    """The cards on `page`, 1 or more, of so many `pages` of a project. `calls` are the kinds of paid calls
    that were, or may have been, charged, one each; `for_nothing`: all of it is made by the sandbox;
    `renditions` the names of these cards' delivered renditions; `unfinished` the number of unfinished
    jobs."""

    project: ProjectCards
    page: int
    pages: int
    calls: tuple[str, ...]
    for_nothing: bool
    renditions: tuple[str, ...]
    priority: str
    unfinished: int
    seen: Overview


@dataclass(frozen=True, slots=True)
class PhotoView:
    """One photo of a set; `ev` is its distance from the middle one in EV, None where it isn't recorded;
    `gone`: it was deleted."""

    id: str
    name: str
    ev: float | None
    middle: bool
    gone: bool


@dataclass(frozen=True, slots=True)
class SetView:
    """One set. `may` names the commands that are possible: retry, pay_again, resolve, cancel, priority,
    another. `left` are the kinds of the paid calls still to be made for it, `anew` those of buying it all
    anew, after the `generation` bought last. `question` is the paid call in doubt, whose outcome a person
    must tell; of an answered one only the picture is missing."""

    card: Card
    history: JobHistory
    exposures: tuple[PhotoView, ...]
    others: tuple[Card, ...]
    may: frozenset[str]
    left: tuple[str, ...]
    anew: tuple[str, ...]
    generation: int
    seen: Overview
    question: Purchase | None = None
    receipt: Receipt | None = None
    receipt_changed: bool = False


def known_project(store: Store, known: str, lines: Sequence[Line] = ()) -> tuple[str, str]:
    """Inbox and name of the project with that id, in the store or in `lines`. Raises Unknown."""
    made = ((inbox, project) for inbox, project, _ in queries.projects(store))
    for inbox, project in {*made, *((line.inbox, line.project) for line in lines)}:
        if project_id(inbox, project) == known:
            return inbox, to_nfc(project)
    raise Unknown("There is no such project, or not any more.")


def all_projects(settings: Settings, wanted: str) -> list[KnownProject]:
    """Every project with a job or an arriving set whose name contains `wanted`, ignoring case: first those
    with an arriving set, then the latest. Raises StoreError, LocalTrouble."""
    with reading(settings) as store:
        found: dict[tuple[str, str], datetime] = {}
        for inbox, name, at in queries.projects(store):
            found.setdefault((inbox, to_nfc(name)), at)
        lines = overview_in(settings.state_folder, store).lines
    begun = {(line.inbox, to_nfc(line.project)): now() for line in lines if not line.job}
    every = (KnownProject(*place, at) for place, at in {**begun, **found}.items())
    return [one for one in every if wanted.casefold() in one.name.casefold()]


def project_view(settings: Settings, known: str, page: int = 1) -> ProjectView:
    """The view of the project with that id: ROOMS_A_PAGE of its sets, on the last page where there is no such
    page. Raises Unknown, StoreError, LocalTrouble."""
    with reading_existing(settings) as store:
        seen = overview_in(settings.state_folder, store)
        inbox, name = known_project(store, known, seen.lines)
        begun = [
            line for line in seen.lines if project_id(line.inbox, line.project) == known and not line.job
        ]
        jobs = [
            job
            for job in queries.jobs_of_project(store, inbox, name)
            if job.state != State.SUPERSEDED and job.id not in seen.gone
        ]
        every = sorted_cards(map(card_of, newest_lines([*begun, *lines_of(jobs, seen.lines)])))
        pages = max(1, ceil(len(every) / ROOMS_A_PAGE))
        page = max(1, min(page, pages))
        shown = with_frames(store, every[(page - 1) * ROOMS_A_PAGE : page * ROOMS_A_PAGE])
        pictures = queries.pictures_of(store, [card.job for card in shown if card.job])
        calls = store.ledger.paid_operations_of(inbox, name)
        with store.session() as session:
            priority = Priority(project_priority(session, inbox, name)).name.lower()
    return ProjectView(
        project=ProjectCards(inbox, name, every, shown),
        page=page,
        pages=pages,
        calls=tuple(calls),
        for_nothing=bool(jobs) and all(job.origin == SANDBOX for job in jobs),
        renditions=tuple(sorted({one.rendition for all_ in pictures.values() for one in all_} - {""})),
        priority=priority,
        unfinished=sum(State(job.state) in ACTIVE for job in jobs),
        seen=seen,
    )


def chosen_pictures(
    settings: Settings, known: str, picks: Collection[str], rendition: str
) -> tuple[str, list[tuple[str, PicturePlace]]]:
    """The project's name, and the pictures with the ids `picks` in that rendition ("" for the picture
    itself), each with its path below the project's folder in done/. Raises UsageError where a picture lacks
    that rendition (an unaltered one needs no label), Unknown, StoreError, LocalTrouble."""
    with reading_existing(settings) as store:
        done = places_in_use(settings, store).done
        inbox, name = known_project(store, known)
        jobs = [job.id for job in queries.jobs_of_project(store, inbox, name)]
        pictures = queries.pictures_of(store, jobs)
    found: dict[str, PicturePlace] = {}
    lacking: list[str] = []
    for job, all_ in pictures.items():
        for one in all_:
            if one.rendition or picture_id(job, one.path) not in picks:
                continue
            look = (one.altered, one.variant, rendition)
            sized = [each.path for each in all_ if (each.altered, each.variant, each.rendition) == look]
            found |= {"/".join(Path(path).parts[1:]): placed_in(done, path) for path in sized}
            if not sized and (one.altered or rendition != LABELLED):
                lacking.append(Path(one.path).name)
    if lacking:  # whoever gets the others would miss them without knowing
        more = " …" if len(lacking) > MOST_NAMED else ""
        raise UsageError(
            f"There is no {rendition} of {', '.join(sorted(lacking)[:MOST_NAMED])}{more}.",
            hint="Choose the other pictures alone, or another size.",
        )
    return name, sorted(found.items())


def set_view(settings: Settings, job_id: str) -> SetView:
    """The view of the set of that job. Raises Unknown, StoreError, LocalTrouble."""
    with reading_existing(settings) as store:
        history = history_of(store, job_id)
        job = history.job
        seen = overview_in(settings.state_folder, store)
        same = [
            one
            for one in queries.jobs_of_project(store, job.inbox, job.project)
            if one.room == job.room and one.state != State.SUPERSEDED and one.id != job.id
        ]
        card, *others = with_frames(store, [card_of(line) for line in lines_of([job, *same], seen.lines)])
        shown = next((one.name for one in card.frames if one.kind == "exposure"), "")
        middle = next((photo.name for photo in history.photos if photo.is_middle), shown)
        recipe = recipe_now(settings, job, len(history.photos))
        made_of, left = still_to_pay(settings, store, job)
        question = open_question(store, job) if job.state == State.NEEDS_ATTENTION else None
        generation = present_generation(store, job.scope)
        done = places_in_use(settings, store).done
    receipt, changed = receipt_of(done, job)
    return SetView(
        card=card,
        history=history,
        exposures=tuple(exposures(job.id, middle, history.photos)),
        others=tuple(others),
        may=frozenset(possible_commands(job, history.photos, question, recipe, left)),
        left=left,
        anew=made_of.paid_kinds(),
        generation=generation,
        seen=seen,
        question=question,
        receipt=receipt,
        receipt_changed=changed,
    )


def lines_of(jobs: Sequence[Job], seen: Sequence[Line]) -> list[Line]:
    """The overview's lines of these jobs; new ones for jobs that the overview leaves out."""
    known = {line.job: line for line in seen if line.job}
    return [known.get(job.id) or line_of(job, "") for job in jobs]


def exposures(job: str, middle: str, photos: Sequence[JobFile]) -> Iterator[PhotoView]:
    """The photos from the darkest to the brightest; those without an exposure value last."""
    ordered = sorted(photos, key=lambda one: (one.exposure_value is None, -(one.exposure_value or 0)))
    middle_ev = next((photo.exposure_value for photo in photos if photo.name == middle), None)
    for photo in ordered:
        ev = ev_above_middle(photo.exposure_value, middle_ev)
        yield PhotoView(
            photo_id(job, photo.name), photo.name, ev, photo.name == middle, bool(photo.let_go_at)
        )


def possible_commands(
    job: Job,
    photos: Sequence[JobFile],
    question: Purchase | None,
    recipe: Recipe | None,
    left: Sequence[str],
) -> Iterator[str]:
    """The commands that are possible for a job in its state (`SetView.may`). `recipe` is that of
    `recipe_now`, `left` its paid calls that are still to be made."""
    state = State(job.state)
    back = state in NEEDS_PERSON and job.filed_as is not None
    if back and recipe is not None:
        yield "retry"
    copies = state is State.DONE and not any(photo.let_go_at for photo in photos)
    if (back or copies) and recipe is not None and len(left) < len(recipe.paid_kinds()):
        yield "pay_again"
    if question is not None:
        yield "resolve"
    if state in ASKS_API and not job.cancelled_by:
        yield from ("cancel", "priority")
    if copies or (state is State.FAILED and job.filed_as):
        yield "another"


def receipt_of(done: Path, job: Job) -> tuple[Receipt | None, bool]:
    """The job's receipt, None without a readable one; and whether its file is missing or was changed."""
    if not job.receipt:
        return None, False
    there = open_picture(placed_in(done, job.receipt))
    if there is None:
        return None, True
    with os.fdopen(there.descriptor, "rb") as file:
        content = file.read(MOST_RECEIPT_BYTES)
    # While originals are filed, the receipt is rewritten with their places.
    filing = State(job.state) in ACTIVE
    return parse_receipt(content), not filing and hashlib.sha256(content).hexdigest() != job.receipt_sha256
