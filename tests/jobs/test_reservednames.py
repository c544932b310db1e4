"""Names in done/ and failed/ belong to one job, whichever machine takes them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy import Engine

from hotfolder.jobs.model import Job
from hotfolder.jobs.reservednames import FILED, take_name
from hotfolder.jobs.states import State
from hotfolder.jobs.store import Store
from tests.jobs.conftest import AT, MakeJob

ORIGIN = "https://api.stagerai.com"
CreateJob = Callable[..., Job]
TO_DONE = (State.UPLOADING, State.MERGING, State.EDITING, State.PUBLISHING, State.FILING, State.DONE)


def take_picture(
    store: Store,
    job: Job,
    present: Collection[str] = (),
    at: datetime = AT,
    *,
    folder: str = "Elm",
    stem: str = "Kitchen",
    purpose: str = "1/0",
) -> str:
    """Take the name of a picture."""
    purpose = f"{purpose} {stem}.jpg"
    return take_name(store, job.id, f"done/{folder}", stem, "jpg", purpose=purpose, present=present, at=at)


def take_folder(store: Store, job: Job) -> str:
    """Take the name of a folder of originals."""
    return take_name(store, job.id, FILED + job.project, job.shown_folder, present=(), at=AT)


@pytest.fixture
def make(database: Engine, new_job: MakeJob) -> CreateJob:
    def made(inbox: str, **changes: object) -> Job:
        return Store(database).create(new_job(inbox=inbox, **changes), ORIGIN, AT)

    return made


def finish(store: Store, job: Job) -> None:
    for state in TO_DONE:
        store.advance(job.id, state, AT)


def test_machines_that_take_names_at_once_take_different_ones(database: Engine, make: CreateJob) -> None:
    """This holds whatever the machines see of the folder, and however they spell the names."""
    jobs = [make(f"inbox {number}") for number in range(6)]
    start = Barrier(len(jobs))

    def take(number: int) -> list[str]:
        store, job = Store(database, machine=f"m{number}"), jobs[number]
        start.wait()
        spelt = ("Kitchen", "KITCHEN")[number % 2]
        folder = ("Elm", "elm")[number % 2]
        each = partial(take_picture, store, job, folder=folder, stem=spelt)
        names = [each(purpose=f"{number}/0") for number in range(5)]
        return [*names, take_folder(store, job)]

    with ThreadPoolExecutor(len(jobs)) as pool:
        taken = list(pool.map(take, range(len(jobs))))
    pictures = [name.casefold() for names in taken for name in names[:-1]]
    assert len(set(pictures)) == len(pictures) == 30
    assert {names[-1] for names in taken} == {"kitchen", *(f"kitchen ({n})" for n in range(2, 7))}
    assert {store_job.filed_as for store_job in Store(database).active()} == {names[-1] for names in taken}


def test_a_name_that_was_taken_is_the_same_when_it_is_said_again(store: Store, make: CreateJob) -> None:
    """The job was killed before anything was placed; the first name may be free again by then."""
    first, second = make("a"), make("b")
    assert take_picture(store, first) == "Kitchen.jpg"
    assert take_picture(store, second) == "Kitchen (2).jpg"
    finish(store, first)
    assert take_picture(store, second) == "Kitchen (2).jpg"
    assert take_picture(store, second, purpose="2/0") == "Kitchen.jpg"


def test_another_name_is_taken_where_a_file_came_into_the_way(store: Store, make: CreateJob) -> None:
    job, other = make("a"), make("b")
    assert take_picture(store, job, {"kitchen.jpg"}) == "Kitchen (2).jpg"
    there = {"kitchen.jpg", "kitchen (2).jpg"}
    assert take_picture(store, job, there) == "Kitchen (3).jpg"
    assert take_picture(store, other, {"kitchen.jpg"}) == "Kitchen (2).jpg"


@pytest.mark.parametrize(
    ("machine", "hours", "name"),
    [("", 0, "Kitchen.jpg"), ("b", 0, "Kitchen (2).jpg"), ("b", 25, "Kitchen.jpg")],
)
def test_the_name_of_a_picture_that_somebody_took_away_is_free_once_its_job_is_done(
    database: Engine, make: CreateJob, machine: str, hours: int, name: str
) -> None:
    """It is free at once on the machine that placed it; another may merely not see the picture yet."""
    job, store = make("a"), Store(database)
    take_picture(store, job)
    finish(store, job)
    other = Store(database, machine=machine)
    assert take_picture(other, make("b"), at=AT + timedelta(hours=hours)) == name


def test_a_folder_of_originals_is_free_once_they_are_dropped_again_or_their_record_is_gone(
    store: Store, make: CreateJob
) -> None:
    done, failed = make("a"), make("b", reason="eight photos")
    assert take_folder(store, done) == "kitchen"
    finish(store, done)
    assert take_folder(store, failed) == "kitchen (2)"
    store.advance(failed.id, State.FAILED, AT)
    third = make("c")
    store.advance(failed.id, State.SUPERSEDED, AT)
    assert take_folder(store, third) == "kitchen (2)"
    finish(store, third)
    assert store.delete_records(store.in_states(State), AT) is not None
    assert take_folder(store, make("d")) == "kitchen"
