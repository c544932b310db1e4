"""Whether `keep` can do what it says: nothing is forgotten while something else relies on it."""

from __future__ import annotations

from collections.abc import Iterator

from hotfolder.config.problems import Problem
from hotfolder.config.sections import Keep
from hotfolder.config.sources import Sources

PURCHASES = ("keep", "purchases_days")
OUTLIVED = ("results_days", "records_days")
PER_PROJECT = ("limits", "paid_calls_per_project")


def keep_problems(sources: Sources) -> Iterator[Problem]:
    """Of `purchases_days`, with which what is paid for is forgotten."""
    days = sources.at(PURCHASES)
    if not isinstance(days, int | float):
        return
    for name in OUTLIVED:
        least = sources.at(("keep", name))
        if least is None:
            least = Keep.model_fields[name].default
        if least is None:
            yield Problem(
                sources.place(PURCHASES),
                f"keep.purchases_days needs keep.{name}, since a paid call is forgotten only once the record"
                f" of its set was let go of; set {name} too, or leave purchases_days out",
            )
        elif isinstance(least, int | float) and days < least:
            yield Problem(
                sources.later_place(PURCHASES, ("keep", name)),
                f"keep.purchases_days must be at least keep.{name} ({least:g}), not {days:g}; what keeps from"
                " paying twice is forgotten last",
            )
    if sources.at(PER_PROJECT) is not None:
        yield Problem(
            sources.later_place(PURCHASES, PER_PROJECT),
            "keep.purchases_days and limits.paid_calls_per_project can't both be set: that budget counts all"
            " that a project ever bought, which would be forgotten; leave one of them out",
        )
