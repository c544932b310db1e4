"""What a changed file of settings means for a running daemon, and how that is said in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, SecretStr

from hotfolder.config.settings import InboxSettings, RouteSettings, Settings
from hotfolder.rules.delivery import Delivery
from hotfolder.rules.nearest import shown

RULES = frozenset({"tags", "routes", "inboxes"})
FOLDERS = frozenset({"inbox", "inboxes"})
LIVE = frozenset(
    {
        "settle.quiet_seconds",
        "settle.give_up_seconds",
        "hdr",
        "single_photo",
        "keep",
        "notify",
        "log.level",
        "api.merge_timeout_seconds",
        "limits.uploads",
        "limits.merges",
        "limits.operations",
        "limits.downloads",
        "limits.paid_calls_per_day",
        "limits.paid_calls_per_project",
        "limits.paid_calls_per_job",
        "limits.upload_rate",
        "schedule.active",
        "limits.photo_bytes",
        "limits.result_bytes",
        "limits.result_pixels",
        *(f"deliver.{name}" for name in Delivery.model_fields),
    }
)
"""Sections and settings, rules aside, that a running daemon takes up. Every other one needs a new start."""


@dataclass(frozen=True, slots=True)
class Changes:
    """`applied` says what is different from now on; `restart` names what only a new start takes up."""

    applied: tuple[str, ...]
    restart: tuple[str, ...]


def followed(running: Settings, fresh: Settings) -> Settings:
    """What a daemon that runs by `running` goes by from now on: `fresh`, but for what needs a new start."""
    taken: dict[str, object] = {}
    for section in type(running).model_fields:
        before, after = getattr(running, section), getattr(fresh, section)
        if section == "inboxes":
            taken[section] = tuple(_with_rules_of(one, fresh) for one in running.all_inboxes())
        elif section in RULES or section in LIVE:
            taken[section] = after
        elif isinstance(before, BaseModel):
            live = {name: getattr(after, name) for name in type(before).model_fields if _live(section, name)}
            taken[section] = before.model_copy(update=live)
        else:
            taken[section] = before
    return running.model_copy(update=taken)


def changes(running: Settings, fresh: Settings) -> Changes:
    """What is different in `fresh`. No secret is in the words."""
    applied: list[str] = []
    restart: list[str] = []
    for section in type(running).model_fields.keys() - RULES - FOLDERS:
        for name, before, after in _leaves(section, running, fresh):
            if before == after:
                continue
            if _live(section, name.partition(".")[2]):
                applied.append(_value_change(name, before, after))
            else:
                restart.append(name)
    if _places(running) != _places(fresh):
        restart.append("inboxes" if len(fresh.all_inboxes()) > 1 else "inbox")
    applied += _rule_changes("", running, fresh)
    for one in running.all_inboxes():
        applied += _rule_changes(f"inbox {shown(one.title)}: ", one, _with_rules_of(one, fresh))
    return Changes(tuple(sorted(applied)), tuple(sorted(restart)))


def _live(section: str, name: str) -> bool:
    return section in LIVE or f"{section}.{name}" in LIVE


def _places(settings: Settings) -> list[tuple[str, str]]:
    return [(one.title, one.path) for one in settings.all_inboxes()]


def _with_rules_of(one: InboxSettings, fresh: Settings) -> InboxSettings:
    """The inbox with the rules that `fresh` has for it; with its own, where `fresh` doesn't have it."""
    for other in fresh.all_inboxes():
        if (other.title, other.path) == (one.title, one.path):
            return other
    return one


def _leaves(section: str, running: Settings, fresh: Settings) -> Iterator[tuple[str, object, object]]:
    before, after = getattr(running, section), getattr(fresh, section)
    if not isinstance(before, BaseModel):
        yield section, before, after
        return
    for name in type(before).model_fields:
        yield f"{section}.{name}", getattr(before, name), getattr(after, name)


def _value_change(name: str, before: object, after: object) -> str:
    if any(
        isinstance(one, SecretStr) for value in (before, after) if isinstance(value, tuple) for one in value
    ):
        return f"{name} changed"
    return f"{name}: {_said(before)} → {_said(after)}"


def _said(value: object) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _rule_changes(
    where: str, before: Settings | InboxSettings, after: Settings | InboxSettings
) -> Iterator[str]:
    yield from _mapping_changes(f"{where}tag", before.tags, after.tags)
    yield from _mapping_changes(f"{where}route", by_name(before.routes), by_name(after.routes))
    kept = [[one.name for one in routes if _has(others, one)] for routes, others in _both(before, after)]
    if kept[0] != kept[1]:
        yield f"{where}routes in another order"


def _both(
    before: Settings | InboxSettings, after: Settings | InboxSettings
) -> tuple[tuple[Sequence[RouteSettings], Sequence[RouteSettings]], ...]:
    return (before.routes, after.routes), (after.routes, before.routes)


def _has(routes: Sequence[RouteSettings], one: RouteSettings) -> bool:
    return any(other.name == one.name for other in routes)


def by_name(routes: Sequence[RouteSettings]) -> dict[str, RouteSettings]:
    return {one.name: one for one in routes}


def _mapping_changes(what: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    yield from (f"{what} {shown(name)} added" for name in after if name not in before)
    yield from (f"{what} {shown(name)} removed" for name in before if name not in after)
    yield from (
        f"{what} {shown(name)} changed" for name in after if name in before and after[name] != before[name]
    )
