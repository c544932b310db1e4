"""`hotfolder explain`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hotfolder.cli.output import FAILED, print_json
from hotfolder.config.load import load
from hotfolder.config.settings import Limits, Settings
from hotfolder.control.explain import Bill, Explained
from hotfolder.control.explain import explain as explained
from hotfolder.control.lookup import ignored_notices
from hotfolder.control.opening import refuse_bad_addresses
from hotfolder.display import counted, visible
from hotfolder.display import say as print
from hotfolder.jobs.budget import waits_until
from hotfolder.rules.grouping.results import Grouping
from hotfolder.rules.hours import opens_at
from hotfolder.rules.kinds import Prices


def explain(path: Path, config: Path, *, as_json: bool, calls: bool = False) -> int:
    """Print the explanation of a set's folder, or of every set of a project or an inbox. Returns 1 if any has
    a problem, such as a refusal."""
    settings = refuse_bad_addresses(load(config, os.environ))
    answers = explained(settings, path)
    if as_json:
        told = [as_dict(one) for one in answers]
        print_json(told[0] if len(told) == 1 else told)
    else:
        print("\n".join(explanation_lines(answers, settings, calls=calls)))
        opens = opens_at(settings.schedule.active, datetime.now(UTC).astimezone())
        if opens is not None:
            print(f"\nNote: by schedule.active nothing is sent just now; it {waits_until(opens)}.")
        for text in ignored_notices(settings, path):
            print(f"\nNote: {text}")
    return FAILED if any(one.problems for one in answers) else 0


def explanation_lines(answers: Sequence[Explained], settings: Settings, *, calls: bool) -> Iterator[str]:
    """The lines of the explanation: one for each of several sets and their total; everything for a single
    set, and for each set with `calls`."""
    bills = [bill for one in answers for bill in one.bills]
    alone = len(answers) == 1 and len(bills) <= 1
    for number, one in enumerate(answers):
        whole = alone or calls
        if whole and number:
            yield ""
        told = shoot_lines if one.several else room_lines
        yield from told(one, settings, calls=calls if whole else None)
    if not alone:
        together = sum(bills, Bill())
        yield ""
        yield (
            f"Together: {counted(len(bills), 'set')}, {counted(together.photos, 'photo')},"
            f" {price_text(together, settings.prices)}."
        )
        if not calls:
            yield "Add --calls to see every call, or name one room's folder."


def price_text(bill: Bill, prices: Prices) -> str:
    """A bill as text: the number and cost of the calls to be paid, and the number of those paid already."""
    cost = prices.sum_text(bill.left)
    text = f"{counted(len(bill.left), 'paid call')}{f', {cost}' if cost else ''}"
    return f"{text} ({len(bill.remembered)} more paid already)" if bill.remembered else text


def budget_warning(bill: Bill, limits: Limits) -> Iterator[str]:
    """A line that warns of a set that needs more paid calls than limits.paid_calls_per_job; else none."""
    most = limits.paid_calls_per_job
    if most is not None and len(bill.left) > most:
        yield (
            f"WAITS after {counted(most, 'paid call')} of {len(bill.left)}, with nothing delivered:"
            " limits.paid_calls_per_job allows no more."
        )


def room_lines(one: Explained, settings: Settings, *, calls: bool | None) -> Iterator[str]:
    """Everything about the set in a room's folder; a single line for it where `calls` is None."""
    brief = calls is None
    place, margin = one.place, "    " if brief else "  "
    name = visible(f"{place.project} / {place.folder}" if brief else str(place.path))
    if brief and one.bills:
        [each] = one.sets
        name = f"{name}: {each.explanation.brief()}; {price_text(each.bill, settings.prices)}"
    yield name
    if not brief:
        yield from (f"  {line}" for each in one.sets for line in each.explanation.lines(calls=bool(calls)))
        yield from (f"  To pay   {price_text(bill, settings.prices)}" for bill in one.bills)
    yield from (f"{margin}{text}" for bill in one.bills for text in budget_warning(bill, settings.limits))
    yield from (f"{margin}COMES BACK: {text}" for each in one.sets for text in each.unknown)
    for reason in one.shoot.kept_out.values():
        yield f"{margin}Kept out of the merge: {reason}"
    if one.held:
        yield f"{margin}HELD: {one.held} Nothing is paid before that."
    yield from (f"{margin}REFUSED before anything is sent: {problem}" for problem in one.problems)


def shoot_lines(one: Explained, settings: Settings, *, calls: bool | None) -> Iterator[str]:
    """A line for each set, its doubts, and the remarks on the whole; everything about each set where `calls`
    is not None."""
    place = one.place
    name = f"{place.project} / {place.folder}" if place.folder else place.project
    what = "a room with more than one set" if place.folder else "a whole shoot in one folder"
    yield visible(f"{name}: {what}")
    for each in one.sets:
        evidence = f"; evidence: {', '.join(each.evidence)}" if each.evidence else ""
        price = price_text(each.bill, settings.prices)
        yield f"  {visible(each.name)}: {each.explanation.brief()}; {price}{evidence}"
        yield from (f"      {text}" for text in budget_warning(each.bill, settings.limits))
        yield from (f"      DOUBT: {text}" for text in each.doubts)
        yield from (f"      COMES BACK: {text}" for text in each.unknown)
        if calls is not None:
            yield from (f"      {line}" for line in each.explanation.lines(calls=calls))
    if one.earlier:
        yield f"  Left aside: {counted(one.earlier, 'photo')} of sets under way or kept out before"
    if one.shoot.parts():
        yield from (f"  {line}" for line in shoot_remarks(one, one.shoot))
    yield from (f"  Waits: {why}" for why in one.waiting)
    yield from (f"  Waits for somebody to fix it: {problem}" for problem in one.problems)


def shoot_remarks(one: Explained, shoot: Grouping) -> Iterator[str]:
    for refused in shoot.refused:
        yield f"REFUSED: {visible(refused.name)}: {refused.reason} {refused.hint}"
    where = "Kept out of the merge" if one.place.folder else "Left in the inbox"
    yield from (f"{where}: {reason}" for reason in shoot.kept_out.values())
    yield from (f"Note: {notice}" for notice in shoot.notices)
    yield from (f"DOUBT about the whole: {doubt}" for doubt in shoot.doubts)
    if not one.held:
        yield "It starts by itself."
        return
    what = "Nothing is" if one.held_whole else "Nothing of what is held is"
    yield f"HELD: {one.held}"
    yield f"{what} sent before: hotfolder approve {shlex.quote(visible(one.place.name))}"


def as_dict(one: Explained) -> dict[str, object]:
    """The explanation as a JSON object."""
    path, problems = {"path": str(one.place.path)}, {"problems": list(one.problems)}
    if one.several:
        found = shoot_as_dict(one, one.shoot)
        return {**path, **found, "waiting": [str(why) for why in one.waiting], **problems}
    return {
        **path,
        **(one.sets[0].explanation.as_dict() if one.sets else {}),
        "remembered_calls": sum(len(each.remembered) for each in one.sets),
        "unknown": [text for each in one.sets for text in each.unknown],
        "held": bool(one.held),
        "kept_out": list(one.shoot.kept_out.values()),
        **problems,
    }


def shoot_as_dict(one: Explained, shoot: Grouping) -> dict[str, object]:
    return {
        "sets": [
            {
                **each.explanation.as_dict(),
                "remembered_calls": len(each.remembered),
                "unknown": list(each.unknown),
                "evidence": list(each.evidence),
                "doubts": list(each.doubts),
            }
            for each in one.sets
        ],
        "refused": [
            {
                "name": refused.name,
                "photos": [photo.name for photo in refused.photos],
                "reason": refused.reason,
                "hint": refused.hint,
            }
            for refused in shoot.refused
        ],
        "kept_out": shoot.kept_out,
        "notices": list(shoot.notices),
        "doubts": list(shoot.doubts),
        "held": one.held.reason,
        "paid_calls": sum(each.explanation.paid_calls for each in one.sets),
        "remembered_calls": sum(len(each.remembered) for each in one.sets),
    }
