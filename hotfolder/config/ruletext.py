"""The rules of a running daemon as plain JSON, so that another process can compare with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from hotfolder.config.items import TagName
from hotfolder.config.settings import InboxSettings, RouteSettings, Settings
from hotfolder.stager.operations import Lawn, Sky, Stage

Items = Iterable[TagName | Sky | Lawn | Stage]


def rules_as_json(settings: Settings) -> dict[str, Any]:
    """All that decides what becomes of a set. Nothing secret is in it."""
    return {
        "hdr": settings.hdr.model_dump(mode="json", by_alias=True, exclude_none=True),
        "single_photo": settings.single_photo.value,
        "deliver": settings.deliver.model_dump(mode="json", exclude_none=True),
        "settle": settings.settle.model_dump(mode="json"),
        "tags": {name: items_as_json(items) for name, items in settings.tags.items()},
        "routes": [route_as_json(route) for route in settings.routes],
        "inboxes": [inbox_as_json(inbox) for inbox in settings.all_inboxes()],
    }


def rules_from_json(content: object, around: Settings) -> Settings | None:
    """`around` with those rules; None where they aren't any, or are those of another version."""
    if not isinstance(content, Mapping):
        return None
    try:
        rules = Settings(**{"root": around.root, **content})
    except (TypeError, ValidationError):
        return None
    return around.model_copy(update={name: getattr(rules, name) for name in content})


def inbox_as_json(inbox: InboxSettings) -> dict[str, Any]:
    return {
        "path": inbox.path,
        "name": inbox.name,
        "routes": [route_as_json(route) for route in inbox.routes],
        "tags": {name: items_as_json(items) for name, items in inbox.tags.items()},
    }


def route_as_json(route: RouteSettings) -> dict[str, Any]:
    plain = route.model_dump(
        mode="json", by_alias=True, exclude={"operations", "variants"}, exclude_none=True
    )
    variants = {name: items_as_json(items) for name, items in route.variants.items()}
    return {**plain, "operations": items_as_json(route.operations), "variants": variants}


def items_as_json(items: Items) -> list[object]:
    return [
        item.text
        if isinstance(item, TagName)
        else {item.kind: item.model_dump(mode="json", by_alias=True, exclude={"kind"}, exclude_none=True)}
        for item in items
    ]
