"""From the settings to the rulebook of one inbox."""

from __future__ import annotations

from collections.abc import Mapping

from hotfolder.config.items import Item, resolve
from hotfolder.config.settings import InboxSettings, Settings
from hotfolder.rules.routes import Route
from hotfolder.rules.routing import Defaults, Rulebook
from hotfolder.rules.tags import TagTable
from hotfolder.stager.operations import HdrOptions


def rulebook_for(settings: Settings, inbox: InboxSettings | None = None) -> Rulebook:
    """The rules of an inbox (of the first one when none is given): its own routes and tags before the general ones."""
    place = inbox if inbox is not None else settings.all_inboxes()[0]
    table = tag_table({**settings.tags, **place.tags})
    routes = [
        Route(
            **{
                **{name: getattr(route, name) for name in type(route).model_fields},
                "operations": resolve(route.operations, table),
            }
        )
        for route in (*place.routes, *settings.routes)
    ]
    defaults = Defaults(
        hdr=settings.hdr.over(HdrOptions()),
        quiet_seconds=settings.settle.quiet_seconds,
        single_photo=settings.single_photo,
    )
    return Rulebook(tags=table, routes=tuple(routes), defaults=defaults)


def tag_table(own: Mapping[str, tuple[Item, ...]]) -> TagTable:
    """The tags, with the studio's own; an own tag is made of built-in ones."""
    built_in = TagTable()
    return TagTable({name: resolve(items, built_in) for name, items in own.items()})
