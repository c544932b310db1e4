"""Tags in the settings: own ones that can't be, unknown ones, and two operations of one kind."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hotfolder.config.items import MODELS
from hotfolder.config.problems import KeyPath, Problem
from hotfolder.config.sources import Sources
from hotfolder.rules.names import OK
from hotfolder.rules.nearest import normal, shown
from hotfolder.rules.routes import has_wildcard, tag_matches
from hotfolder.rules.tags import AGAIN, TagTable, built_in_tags

TAG_NAME = re.compile(r"[^\W_]+(?:[-_ ][^\W_]+)*\Z")


def _tag_mappings(sources: Sources) -> Iterator[tuple[KeyPath, dict[str, object]]]:
    listed = sources.at(("inboxes",))
    paths: list[KeyPath] = [("tags",)]
    paths += [("inboxes", index, "tags") for index in range(len(listed) if isinstance(listed, list) else 0)]
    for path in paths:
        tags = sources.at(path)
        if isinstance(tags, dict):
            yield path, tags


FOR_FOLDERS = f"{shown(OK)} is for folder names alone: it lets go of what is held for a person"


def known_tags(sources: Sources, *paths: KeyPath) -> TagTable:
    """The built-in tags and the own ones written at `paths`, without what those do."""
    own: dict[str, tuple[()]] = {}
    for path, tags in _tag_mappings(sources):
        if path in paths:
            own.update({name: () for name in tags if normal(name) and normal(name) not in built_in_tags()})
    return TagTable(own)


def own_tag_problems(sources: Sources) -> Iterator[Problem]:
    """Names that can't be, and operations that don't exist."""
    for path, tags in _tag_mappings(sources):
        taken: dict[str, str] = {}
        for name, items in tags.items():
            place = sources.place((*path, name), of_key=True)
            spelling = normal(name)
            if spelling in built_in_tags():
                built_in = built_in_tags()[spelling].name
                yield Problem(
                    place, f"the own tag {shown(name)} has the name of a built-in tag, {built_in}; rename it"
                )
            elif not TAG_NAME.match(name):
                message = "is no name for a tag; use letters, digits and single hyphens"
                yield Problem(place, f"{shown(name)} {message}")
            elif spelling in taken:
                both = f"{shown(taken[spelling])} and {shown(name)}"
                yield Problem(place, f"the own tags {both} are read as one; rename one of them")
            taken.setdefault(spelling, name)
            if items is not None:
                yield from _item_problems(sources, (*path, name), TagTable(), known_tags(sources, path))


def route_tag_problems(sources: Sources) -> Iterator[Problem]:
    """Tags in routes that don't exist, in what they match and in what they do."""
    listed = sources.at(("inboxes",))
    inboxes = range(len(listed) if isinstance(listed, list) else 0)
    everywhere = known_tags(sources, ("tags",), *(("inboxes", index, "tags") for index in inboxes))
    general = known_tags(sources, ("tags",))
    yield from _routes_at(sources, ("routes",), general, everywhere)
    for index in inboxes:
        table = known_tags(sources, ("tags",), ("inboxes", index, "tags"))
        yield from _routes_at(sources, ("inboxes", index, "routes"), table, table)


def _routes_at(sources: Sources, path: KeyPath, doing: TagTable, matching: TagTable) -> Iterator[Problem]:
    routes = sources.at(path)
    for index, route in enumerate(routes if isinstance(routes, list) else ()):
        if not isinstance(route, dict):
            continue
        if route.get("operations") is not None:
            yield from _item_problems(sources, (*path, index, "operations"), doing, TagTable())
        variants = route.get("variants")
        for name in variants if isinstance(variants, dict) else ():
            yield from _item_problems(sources, (*path, index, "variants", name), doing, TagTable())
        yield from _match_problems(sources, (*path, index, "match", "tag"), matching)


def _listed(sources: Sources, path: KeyPath) -> Iterator[tuple[KeyPath, object]]:
    value = sources.at(path)
    if isinstance(value, list):
        yield from (((*path, index), item) for index, item in enumerate(value))
    elif value is not None:
        yield path, value


def _match_problems(sources: Sources, path: KeyPath, table: TagTable) -> Iterator[Problem]:
    names = [*table.own, *(tag.name for tag in built_in_tags().values() if tag.name != OK)]
    for here, pattern in _listed(sources, path):
        if not isinstance(pattern, str) or not pattern.strip():
            continue
        if has_wildcard(pattern):
            if not tag_matches(names, pattern):
                yield Problem(
                    sources.place(here),
                    f"no tag fits {shown(pattern)}. Allowed: {'; '.join(table.families())}",
                )
        elif table.find(pattern) is None:
            yield Problem(sources.place(here), unknown_tag(pattern, table))
        elif normal(pattern) == OK:
            yield Problem(sources.place(here), FOR_FOLDERS)


def unknown_tag(typed: str, table: TagTable) -> str:
    """What to say about a tag that doesn't exist."""
    guess = table.nearest(typed)
    meant = f"; did you mean {shown(guess)}?" if guess else "."
    return f"unknown tag {shown(typed)}{meant} Allowed: {'; '.join(table.families())}"


def _item_problems(sources: Sources, path: KeyPath, table: TagTable, siblings: TagTable) -> Iterator[Problem]:
    seen: set[str] = set()
    for here, item in _listed(sources, path):
        kinds: set[str] = set()
        if isinstance(item, str):
            tag = table.find(item)
            if tag is None:
                own = siblings.find(item) is not None
                message = f"{shown(item)} is an own tag, and own tags can't be made of own tags; write it out"
                yield Problem(sources.place(here), message if own else unknown_tag(item, table))
                continue
            if tag.name == AGAIN:
                message = f"{shown(AGAIN)} is for folder names alone; it would pay for everything again"
                yield Problem(sources.place(here), message)
            if tag.name == OK:
                yield Problem(sources.place(here), FOR_FOLDERS)
            kinds = {operation.kind for operation in tag.operations} or _own_kinds(sources, tag.name)
        elif isinstance(item, dict):
            kinds = {str(name) for name in item if name in MODELS}
        for kind in sorted(seen & kinds):
            message = f"a second {kind} operation; a picture gets one of each kind"
            yield Problem(sources.place(here), message)
        seen |= kinds


def _own_kinds(sources: Sources, name: str) -> set[str]:
    kinds: set[str] = set()
    for path, tags in _tag_mappings(sources):
        for own in tags:
            if normal(own) == normal(name):
                for _, item in _listed(sources, (*path, own)):
                    found = TagTable().find(item) if isinstance(item, str) else None
                    kinds |= {operation.kind for operation in found.operations} if found else set()
                    kinds |= {key for key in item if key in MODELS} if isinstance(item, dict) else set()
    return kinds
