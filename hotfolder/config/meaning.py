"""What is well-formed and still wrong: folders inside each other, routes that are never reached."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import combinations
from pathlib import Path

from pydantic import ValidationError

from hotfolder.config.problems import KeyPath, Problem
from hotfolder.config.sections import CONTROL
from hotfolder.config.settings import InboxSettings
from hotfolder.config.sources import Sources
from hotfolder.config.tagchecks import own_tag_problems, route_tag_problems
from hotfolder.errors import LocalTrouble
from hotfolder.patience import at_once
from hotfolder.rules.delivery import Originals
from hotfolder.rules.nearest import shown
from hotfolder.rules.routes import Match

FOLDERS = ("inbox", "done", "failed", "state", "archive")
ANSWER_SECONDS = 5.0
"""How long a share may take to say what a path leads to."""


def meaning_problems(sources: Sources, folder: Path) -> list[Problem]:
    """Every such problem, as far as the settings are well-formed enough to tell. `folder` is the file's."""
    return [
        *_root_problems(sources, folder),
        *_inbox_problems(sources),
        *_nested_folders(sources, folder),
        *_archive_problems(sources),
        *own_tag_problems(sources),
        *route_tag_problems(sources),
        *_route_problems(sources),
    ]


def absolute(folder: Path, name: str) -> str:
    """`name` as an absolute path: `~` is the home folder, and what is relative starts at `folder`."""
    return os.path.normpath(folder / os.path.expanduser(name))  # noqa: PTH111 (Path's own raises for ~nobody)


def _text(value: object, default: str = "") -> str:
    usable = isinstance(value, str) and value.strip() and not CONTROL.search(value)
    return value.strip() if usable and isinstance(value, str) else default


def _root_problems(sources: Sources, folder: Path) -> Iterator[Problem]:
    root = _text(sources.at(("root",)))
    if not root:
        return
    path = absolute(folder, root)
    try:
        there = at_once(Path(path), partial(os.path.isdir, path), ANSWER_SECONDS)
    except LocalTrouble:
        return  # a share that hangs is no mistake in the settings
    if not there:
        what = "is not a folder" if os.path.exists(path) else "doesn't exist"  # noqa: PTH110
        yield Problem(
            sources.place(("root",)), f"the root folder {shown(root)} {what}; correct it or make the folder"
        )


def inbox_paths(sources: Sources) -> list[KeyPath]:
    """Where the inboxes are written: the list's items, or the one `inbox`, which may be the default."""
    listed = sources.at(("inboxes",))
    if isinstance(listed, list) and listed:
        return [("inboxes", index, "path") for index in range(len(listed))]
    return [("inbox",)]


def _inbox_problems(sources: Sources) -> Iterator[Problem]:
    if sources.at(("inboxes",)) and "inbox" in sources.data:
        both = [sources.place(("inbox",), of_key=True), sources.place(("inboxes",), of_key=True)]
        later = max(both, key=lambda place: (place.variable, place.line))
        yield Problem(later, "inbox and inboxes are both given; keep one of them")
    titles: dict[str, int] = {}
    listed = sources.at(("inboxes",))
    for index, raw in enumerate(listed if isinstance(listed, list) else ()):
        path, name = (_text(raw.get(key)) for key in ("path", "name")) if isinstance(raw, dict) else ("", "")
        if not path:
            continue
        title = InboxSettings(path=path, name=name or None).title
        if title.casefold() in titles:
            where = ("inboxes", index, "name" if name else "path")
            message = f"two inboxes are called {shown(title)}; give one of them another name"
            yield Problem(sources.place(where), message)
        titles[title.casefold()] = index


def _nested_folders(sources: Sources, folder: Path) -> Iterator[Problem]:
    root = absolute(folder, _text(sources.at(("root",)), "."))
    places: list[tuple[KeyPath, str, str]] = []
    for path in (*inbox_paths(sources), *((name,) for name in FOLDERS[1:])):
        default = str(path[0]) if len(path) == 1 and path[0] != "archive" else ""
        text = _text(sources.at(path), default)
        if text:
            title = f"{path[0]} ({shown(text)})" if len(path) == 1 else f"the inbox {shown(text)}"
            places.append((path, title, absolute(Path(root), text)))
    with suppress(LocalTrouble):  # where a share hangs, links are not followed
        names = [place for _, _, place in places]
        real = at_once(Path(root), lambda: [os.path.realpath(name) for name in names], ANSWER_SECONDS)
        places = [(path, title, name) for (path, title, _), name in zip(places, real, strict=True)]
    for (path, title, here), (other_path, other_title, there) in combinations(places, 2):
        message = ""
        if here == there:
            message = f"{title} and {other_title} are the same folder"
        elif Path(here).is_relative_to(there):
            message = f"{title} lies inside {other_title}"
        elif Path(there).is_relative_to(here):
            message = f"{other_title} lies inside {title}"
        if message:
            place = sources.later_place(path, other_path)
            yield Problem(place, f"{message}; each needs a place of its own")


def _archive_problems(sources: Sources) -> Iterator[Problem]:
    if _text(sources.at(("archive",))):
        return
    deliveries: list[KeyPath] = [("deliver",)]
    for path, routes in route_lists(sources):
        deliveries += [(*path, index, "deliver") for index in range(len(routes))]
    for path in deliveries:
        if sources.at((*path, "originals")) == Originals.ARCHIVE:
            message = "originals are to be archived, and no folder `archive` is named; name it beside `done`"
            yield Problem(sources.place((*path, "originals")), message)


def route_lists(sources: Sources) -> Iterator[tuple[KeyPath, list[object]]]:
    """Every list of routes that is written, with its path."""
    listed = sources.at(("inboxes",))
    paths: list[KeyPath] = [("routes",)]
    paths += [("inboxes", index, "routes") for index in range(len(listed) if isinstance(listed, list) else 0)]
    for path in paths:
        routes = sources.at(path)
        if isinstance(routes, list):
            yield path, routes


def _route_problems(sources: Sources) -> Iterator[Problem]:
    for path, routes in route_lists(sources):
        catch_all = ""
        names: set[str] = set()
        for index, route in enumerate(routes):
            if not isinstance(route, dict):
                continue
            name = _text(route.get("name"), "without a name")
            here: KeyPath = (*path, index, "name")
            if name.casefold() in names:
                yield Problem(sources.place(here), f"two routes are called {shown(name)}; rename one of them")
            names.add(name.casefold())
            if catch_all:
                yield Problem(
                    sources.place(here),
                    f"the route {shown(name)} is never reached, since {catch_all} before it matches"
                    f" every set; move {catch_all} to the end",
                )
            elif _matches_everything(route):
                catch_all = shown(name)


def _matches_everything(route: dict[str, object]) -> bool:
    try:
        return Match.model_validate(route.get("match", {})).is_catch_all()
    except ValidationError:
        return False
