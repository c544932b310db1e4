"""From the settings to the rulebook of one inbox."""

from __future__ import annotations

from collections.abc import Mapping

from hotfolder.config.items import Item, resolve
from hotfolder.config.settings import InboxSettings, RouteSettings, Settings
from hotfolder.rules.nearest import normal
from hotfolder.rules.recipes import Variant
from hotfolder.rules.routes import Route, RouteBase
from hotfolder.rules.routing import Defaults, Rulebook
from hotfolder.rules.tags import TagTable
from hotfolder.stager.operations import HdrOptions


def rulebook_for(settings: Settings, inbox: InboxSettings | str | None = None) -> Rulebook:
    """The rules of an inbox, with its own routes and tags before the general ones.

    `inbox` may be its title; without it, the first inbox is meant. Raises KeyError for an unknown title.
    """
    place = _inbox(settings, inbox)
    table = tag_table(_merged(settings.tags, place.tags))
    routes = tuple(_route(one, table) for one in (*place.routes, *settings.routes))
    defaults = Defaults(
        hdr=settings.hdr.over(HdrOptions()),
        quiet_seconds=settings.settle.quiet_seconds,
        single_photo=settings.single_photo,
        delivery=settings.deliver.delivery(),
    )
    return Rulebook(tags=table, routes=routes, defaults=defaults)


def _inbox(settings: Settings, inbox: InboxSettings | str | None) -> InboxSettings:
    if isinstance(inbox, InboxSettings):
        return inbox
    by_title = {one.title: one for one in reversed(settings.all_inboxes())}
    return by_title[inbox] if inbox is not None else settings.all_inboxes()[0]


def _merged(
    general: Mapping[str, tuple[Item, ...]], own: Mapping[str, tuple[Item, ...]]
) -> Mapping[str, tuple[Item, ...]]:
    shadowed = {normal(name) for name in own}
    return {**{name: items for name, items in general.items() if normal(name) not in shadowed}, **own}


def _route(route: RouteSettings, table: TagTable) -> Route:
    kept = {name: getattr(route, name) for name in RouteBase.model_fields}
    variants = tuple(
        Variant(name=name, operations=resolve(items, table)) for name, items in route.variants.items()
    )
    return Route(**kept, operations=resolve(route.operations, table), variants=variants)


def tag_table(own: Mapping[str, tuple[Item, ...]]) -> TagTable:
    """The tags, with the studio's own; an own tag is made of built-in ones."""
    built_in = TagTable()
    return TagTable({name: resolve(items, built_in) for name, items in own.items()})
