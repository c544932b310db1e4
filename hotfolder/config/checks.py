"""Semantic checks of the settings: nested folders, unknown tags, unreachable routes.

They read the YAML document, not the validated models, so that all problems are reported at once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import combinations
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from hotfolder.blocking import call_within
from hotfolder.config.rulebooks import operations_of
from hotfolder.config.settings import InboxSettings
from hotfolder.config.values import CONTROL, Items
from hotfolder.config.yamlfile import Document, KeyPath, Problem
from hotfolder.errors import LocalTrouble
from hotfolder.rules.delivery import Originals
from hotfolder.rules.foldernames import AGAIN, OK, normal, quoted
from hotfolder.rules.routes import Match, has_wildcard, tag_matches
from hotfolder.rules.tags import TagTable, built_in_tags
from hotfolder.stager.operations import OneOperation, Operation

FOLDERS = ("done", "failed", "state", "archive", "results")
OPTIONAL_FOLDERS = ("archive", "results")
ANSWER_SECONDS = 5.0
"""Timeout for resolving a path on a share."""
TAG_NAME = re.compile(r"[^\W_]+(?:[-_ ][^\W_]+)*\Z")
OPERATIONS: TypeAdapter[tuple[OneOperation | str, ...]] = TypeAdapter(Items)

FOLDER_ONLY_TAGS = {
    AGAIN: f"{quoted(AGAIN)} is for folder names alone; it would pay for everything again",
    OK: f"{quoted(OK)} is for folder names alone: it lets go of what is held for a person",
}

OwnTags = dict[str, tuple[Operation, ...]]


def semantic_problems(document: Document, folder: Path) -> list[Problem]:
    """All semantic problems that can be found even where values are malformed. `folder` is the settings
    file's."""
    return [
        *_root_problems(document, folder),
        *_inbox_problems(document),
        *_nested_folders(document, folder),
        *_archive_problems(document),
        *_results_problems(document),
        *_tag_problems(document),
        *_route_problems(document),
    ]


def absolute(folder: Path, name: str) -> str:
    """`name` as a normalised absolute path: `~` is expanded, and relative names start at `folder`."""
    return os.path.normpath(folder / os.path.expanduser(name))  # noqa: PTH111 (Path's own raises for ~nobody)


def _text(value: object, default: str = "") -> str:
    usable = isinstance(value, str) and value.strip() and not CONTROL.search(value)
    return value.strip() if usable and isinstance(value, str) else default


def _root_problems(document: Document, folder: Path) -> Iterator[Problem]:
    root = _text(document.at(("root",)))
    path = absolute(folder, root)
    try:
        there = not root or call_within(Path(path), partial(os.path.isdir, path), ANSWER_SECONDS)
    except LocalTrouble:
        return  # a share that doesn't answer isn't an error in the settings
    if not there:
        what = "is not a folder; correct it"
        if not os.path.exists(path):  # noqa: PTH110
            what = "doesn't exist; connect its disk or share if it lies on one, else correct it or make the"
            what += " folder"
        message = f"the root folder {quoted(root)} {what}"
        yield Problem(document.position(("root",)), message)


def _list_items(document: Document, path: KeyPath, *, alone: bool = False) -> list[tuple[KeyPath, object]]:
    """The items of a list, each with its path; with `alone`, a single value counts as a list of it."""
    value = document.at(path)
    if alone and value is not None and not isinstance(value, list):
        value = [value]
    return [((*path, index), item) for index, item in enumerate(value)] if isinstance(value, list) else []


def _paths_in_all_scopes(document: Document, name: str) -> list[KeyPath]:
    """The paths of the setting `name`: at the top level, then in each inbox."""
    return [(name,), *((*here, name) for here, _ in _list_items(document, ("inboxes",)))]


def _inbox_problems(document: Document) -> Iterator[Problem]:
    if document.at(("inboxes",)) and document.at(("inbox",)) is not None:
        both = [document.position(("inbox",), of_name=True), document.position(("inboxes",), of_name=True)]
        later = max(both, key=lambda position: position.order)
        yield Problem(later, "inbox and inboxes are both given; keep one of them")
    titles: set[str] = set()
    for here, raw in _list_items(document, ("inboxes",)):
        path, name = (_text(raw.get(key)) for key in ("path", "name")) if isinstance(raw, dict) else ("", "")
        if not path:
            continue
        title = InboxSettings.model_construct(path=path, name=name or None).title
        if title.casefold() in titles:
            message = f"two inboxes are called {quoted(title)}; give one of them another name"
            yield Problem(document.position((*here, "name" if name else "path")), message)
        titles.add(title.casefold())


def _nested_folders(document: Document, folder: Path) -> Iterator[Problem]:
    root = absolute(folder, _text(document.at(("root",)), "."))
    inboxes = _paths_in_all_scopes(document, "path")[1:] or [("inbox",)]
    folders: list[tuple[KeyPath, str, str]] = []
    for path in (*inboxes, *((name,) for name in FOLDERS)):
        default = str(path[0]) if len(path) == 1 and path[0] not in OPTIONAL_FOLDERS else ""
        text = _text(document.at(path), default)
        if text:
            title = f"{path[0]} ({quoted(text)})" if len(path) == 1 else f"the inbox {quoted(text)}"
            folders.append((path, title, absolute(Path(root), text)))
    with suppress(LocalTrouble):  # where a share hangs, links are not followed
        names = [name for _, _, name in folders]
        real = call_within(Path(root), lambda: [os.path.realpath(name) for name in names], ANSWER_SECONDS)
        folders = [(path, title, name) for (path, title, _), name in zip(folders, real, strict=True)]
    for (path, title, here), (other_path, other_title, there) in combinations(folders, 2):
        message = ""
        if here == there:
            message = f"{title} and {other_title} are the same folder"
        elif Path(here).is_relative_to(there):
            message = f"{title} lies inside {other_title}"
        elif Path(there).is_relative_to(here):
            message = f"{other_title} lies inside {title}"
        if message:
            position = document.later_position(path, other_path)
            yield Problem(position, f"{message}; each needs a place of its own")


def _archive_problems(document: Document) -> Iterator[Problem]:
    if _text(document.at(("archive",))):
        return
    routes = [
        path for where in _paths_in_all_scopes(document, "routes") for path, _ in _list_items(document, where)
    ]
    for path in [(), *routes]:
        if document.at((*path, "deliver", "originals")) == Originals.ARCHIVE:
            message = "originals are to be archived, and no folder `archive` is named; name it beside `done`"
            yield Problem(document.position((*path, "deliver", "originals")), message)


def _results_problems(document: Document) -> Iterator[Problem]:
    if _text(document.at(("store", "url"))) and not _text(document.at(("results",))):
        message = (
            "store.url is for machines that share a store, and no folder `results` is named, where each finds"
            " what another has bought; name one on the share, beside `done`"
        )
        yield Problem(document.position(("store", "url")), message)


def _tag_problems(document: Document) -> Iterator[Problem]:
    """Problems of own tags, and of unknown tags in routes' matches, operations and variants."""
    general, *inboxes = (_own_tags(document, path) for path in _paths_in_all_scopes(document, "tags"))
    for path in _paths_in_all_scopes(document, "tags"):
        yield from _own_tag_problems(document, path)
    everywhere = dict(general)
    for own in inboxes:
        everywhere |= own
    matching = [everywhere, *({**general, **own} for own in inboxes)]
    doing = [general, *matching[1:]]
    for path, matched, done in zip(_paths_in_all_scopes(document, "routes"), matching, doing, strict=True):
        for here, _ in _list_items(document, path):
            yield from _match_problems(document, (*here, "match", "tag"), TagTable(matched))
            yield from _item_problems(document, (*here, "operations"), TagTable(done))
            variants = document.at((*here, "variants"))
            for name in variants if isinstance(variants, dict) else ():
                yield from _item_problems(document, (*here, "variants", name), TagTable(done))


def _own_tags(document: Document, path: KeyPath) -> OwnTags:
    """The valid own tags, with their operations; none where those are invalid."""
    own: OwnTags = {}
    tags = document.at(path)
    for name in tags if isinstance(tags, dict) else ():
        if normal(name) and normal(name) not in built_in_tags():
            own[name] = ()
            with suppress(ValidationError, KeyError):
                own[name] = operations_of(OPERATIONS.validate_python(document.at((*path, name))), TagTable())
    return own


def _own_tag_problems(document: Document, path: KeyPath) -> Iterator[Problem]:
    tags = document.at(path)
    taken: dict[str, str] = {}
    for name in tags if isinstance(tags, dict) else ():
        spelling = normal(name)
        message = ""
        if spelling in built_in_tags():
            built_in = built_in_tags()[spelling].name
            message = f"the own tag {quoted(name)} has the name of a built-in tag, {built_in}; rename it"
        elif not TAG_NAME.match(name):
            message = f"{quoted(name)} is no name for a tag; use letters, digits and single hyphens"
        elif spelling in taken:
            both = f"{quoted(taken[spelling])} and {quoted(name)}"
            message = f"the own tags {both} are read as one; rename one of them"
        if message:
            yield Problem(document.position((*path, name), of_name=True), message)
        taken.setdefault(spelling, name)
        yield from _item_problems(document, (*path, name), TagTable())


def _match_problems(document: Document, path: KeyPath, table: TagTable) -> Iterator[Problem]:
    names = [*table.own, *(tag.name for tag in built_in_tags().values() if tag.name != OK)]
    for here, pattern in _list_items(document, path, alone=True):
        if not isinstance(pattern, str) or not pattern.strip():
            continue
        if normal(pattern) == OK:
            yield Problem(document.position(here), FOLDER_ONLY_TAGS[OK])
        elif not has_wildcard(pattern) and table.find(pattern) is None:
            yield Problem(document.position(here), unknown_tag(pattern, table))
        elif has_wildcard(pattern) and not tag_matches(names, pattern):
            message = f"no tag fits {quoted(pattern)}. Allowed: {'; '.join(table.lines())}"
            yield Problem(document.position(here), message)


def unknown_tag(typed: str, table: TagTable) -> str:
    """The message for a tag that doesn't exist: with the tags that it consists of, a similar one, or all tags
    where there are none."""
    cure, several = table.suggestion(typed), table.split_joined(typed)
    if several:
        cure = f"write several as a list: [{', '.join(several)}]"
    rest = f"; {cure}" if cure else f". Allowed: {'; '.join(table.lines())}"
    return f"unknown tag {quoted(typed)}{rest}"


def _item_problems(document: Document, path: KeyPath, table: TagTable) -> Iterator[Problem]:
    """Problems of the tags and operations in one list."""
    seen: set[str] = set()
    for here, item in _list_items(document, path, alone=True):
        tag = table.find(item) if isinstance(item, str) else None
        message = ""
        if isinstance(item, str) and tag is None:
            message = unknown_tag(item, table)
        elif tag is not None:
            message = FOLDER_ONLY_TAGS.get(tag.name, "")
        if message:
            yield Problem(document.position(here), message)
        kinds = {operation.kind for operation in tag.operations} if tag else set()
        if isinstance(item, dict):
            kinds = {name for name in item if name in OneOperation.model_fields}
        for kind in sorted(seen & kinds):
            message = f"a second {kind} operation; a picture gets one of each kind"
            yield Problem(document.position(here), message)
        seen |= kinds


def _route_problems(document: Document) -> Iterator[Problem]:
    """Problems of conditions left empty, and of routes after one that matches every set."""
    for path in _paths_in_all_scopes(document, "routes"):
        catch_all = ""
        for here, route in _list_items(document, path):
            if not isinstance(route, dict):
                continue
            name = _text(route.get("name"))
            position = document.position((*here, "name"))
            if catch_all and name:
                message = f"since {catch_all} before it matches every set; move {catch_all} to the end"
                yield Problem(position, f"the route {quoted(name)} is never reached, {message}")
            match = route.get("match")
            for key, condition in match.items() if isinstance(match, dict) else ():
                if condition is None and key in Match.model_fields:
                    message = f"routes.match.{key} must not be empty"
                    yield Problem(document.position((*here, "match", key)), message)
            with suppress(ValidationError):
                if name and not catch_all and Match.model_validate(route.get("match", {})).is_catch_all():
                    catch_all = quoted(name)
