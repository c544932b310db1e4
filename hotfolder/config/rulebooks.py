"""Conversion of the settings into the rulebook of one inbox, and into the text of the rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import yaml

from hotfolder.config.settings import InboxSettings, RouteSettings, Settings
from hotfolder.rules.foldernames import normal
from hotfolder.rules.recipes import Variant
from hotfolder.rules.routes import Route, RouteBase
from hotfolder.rules.routing import Defaults, Rulebook
from hotfolder.rules.tags import TagTable
from hotfolder.stager.operations import OneOperation, Operation

WrittenItems = Iterable[OneOperation | str]


def rulebook_for(settings: Settings, inbox: InboxSettings | str | None = None) -> Rulebook:
    """The rules of an inbox, with its own routes and tags before the general ones.

    `inbox` may be its title; by default it is the first inbox. Raises KeyError for an unknown title.
    """
    if not isinstance(inbox, InboxSettings):
        by_title = {one.title: one for one in reversed(settings.all_inboxes())}
        inbox = by_title[inbox] if inbox is not None else settings.all_inboxes()[0]
    own = {normal(name) for name in inbox.tags}
    general = {name: items for name, items in settings.tags.items() if normal(name) not in own}
    tags = {name: operations_of(items, TagTable()) for name, items in {**general, **inbox.tags}.items()}
    table = TagTable(tags)
    return Rulebook(
        tags=table,
        routes=tuple(_route(one, table) for one in (*inbox.routes, *settings.routes)),
        defaults=Defaults(
            hdr=settings.hdr,
            quiet_seconds=settings.settle.quiet_seconds,
            single_photo=settings.single_photo,
            delivery=settings.deliver,
        ),
    )


def _route(route: RouteSettings, table: TagTable) -> Route:
    kept = {name: getattr(route, name) for name in RouteBase.model_fields}
    variants = tuple(
        Variant(name=name, operations=operations_of(items, table)) for name, items in route.variants.items()
    )
    return Route(**kept, operations=operations_of(route.operations, table), variants=variants)


def operations_of(items: WrittenItems, table: TagTable) -> tuple[Operation, ...]:
    """The operations that items of the settings ask for. Raises KeyError for a tag that isn't in the
    table."""
    operations: list[Operation] = []
    for item in items:
        if isinstance(item, OneOperation):
            operations.append(item.operation)
            continue
        tag = table.find(item)
        if tag is None:
            raise KeyError(item)
        operations += tag.operations
    return tuple(operations)


@dataclass(frozen=True, slots=True)
class RuleText:
    """A route or an own tag as YAML text. `kind` is `route` or `tag`; `inbox` is the title of the only inbox
    that it is for, "" if it is for all."""

    kind: str
    name: str
    text: str
    inbox: str = ""


def rules_in_force(settings: Settings) -> list[RuleText]:
    """All routes, those of each inbox before the general ones (as they are tried), then all own tags."""
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
