"""Planning waiting jobs anew, when the rules have changed before any work on them began."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from hotfolder.jobs.rows import FILES, JOBS
from hotfolder.jobs.statements import PHOTOS_OF_JOB
from hotfolder.jobs.states import Event, State
from hotfolder.jobs.store import Store, move, tell
from hotfolder.jobs.tables import Job
from hotfolder.jobs.tools import recipe_of
from hotfolder.rules.recipes import Recipe


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to become of a job: a recipe, or, with a `reason`, its refusal."""

    recipe: Recipe
    route: str | None = None
    reason: str = ""
    hint: str = ""


Decide = Callable[[Job, int], Decision | None]
"""Takes a job and its number of photos; None leaves the job as it is. Called in the store's thread."""


def plan_anew(store: Store, job_ids: Iterable[str], decide: Decide, at: datetime) -> dict[str, Job]:
    """Decide anew about those of the jobs that still wait for their turn; the ones that changed, by id.

    Each is one transaction. A job that was refused when it was made, or that has begun, stays as it is.
    """
    changed: dict[str, Job] = {}
    for job_id in job_ids:
        with store.database.begin() as connection:
            job = JOBS.get_one(connection, job_id)
            if job.state != State.QUEUED:
                continue
            decision = decide(job, len(FILES.find(connection, PHOTOS_OF_JOB, job_id=job_id)))
            if decision is not None and differs(job, decision):
                take(connection, job, decision, at)
                changed[job_id] = job
                store.changes += 1
    return changed


def differs(job: Job, decision: Decision) -> bool:
    """Whether the decision is another one than the job has."""
    if decision.reason:
        return True
    return (recipe_of(job), job.route) != (of_same_photos(decision.recipe, recipe_of(job)), decision.route)


def of_same_photos(recipe: Recipe, before: Recipe) -> Recipe:
    """The recipe with what not the rules but the photos say."""
    return recipe.model_copy(update={"taken_on": before.taken_on, "notes": before.notes})


def take(connection: Connection, job: Job, decision: Decision, at: datetime) -> None:
    recipe = of_same_photos(decision.recipe, recipe_of(job)).model_dump_json()
    changes = {"recipe": recipe, "route": decision.route, "reason": decision.reason, "hint": decision.hint}
    if decision.reason:
        return move(connection, job, Event.REFUSE, at, decision.reason, **changes)
    JOBS.change(connection, job, **changes)
    by = f"the route {decision.route}" if decision.route else "the defaults"
    tell(connection, job, at, f"planned anew: {by}")
