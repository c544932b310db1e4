"""What there is to ask "what would happen?" of: folders with photos, and the rules in force."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from hotfolder.config.settings import Settings
from hotfolder.control.lookup import PhotoPlace
from hotfolder.control.pictures import every_place


@dataclass(frozen=True, slots=True)
class RuleText:
    """A route or an own tag as the settings have it; `inbox` is the one that it is for alone, else empty."""

    kind: str
    name: str
    text: str
    inbox: str = ""


def folder_choices(settings: Settings) -> list[PhotoPlace]:
    """The folders that can be explained now, by project. Raises LocalTrouble."""
    found = [place for place in every_place(settings) if place.seen() is not None]
    return sorted(found, key=lambda one: (one.inbox.title, one.project, one.folder))


def rules_in_force(settings: Settings) -> list[RuleText]:
    """The routes in the order in which they are tried, and then the studio's own tags."""
    inboxes = settings.all_inboxes()
    found = []
    for title, routes in [*((one.title, one.routes) for one in inboxes), ("", settings.routes)]:
        for route in routes:
            written = route.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"name"})
            found.append(RuleText("route", route.name, _as_yaml(written), title))
    for title, tags in [("", settings.tags), *((one.title, one.tags) for one in inboxes)]:
        for name, items in tags.items():
            does = [
                one if isinstance(one, str) else one.model_dump(mode="json", exclude_unset=True)
                for one in items
            ]
            found.append(RuleText("tag", name, _as_yaml(does), title))
    return found


def _as_yaml(written: object) -> str:
    return yaml.safe_dump(written, allow_unicode=True, sort_keys=False, default_flow_style=None).strip()
