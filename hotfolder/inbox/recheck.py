"""The last look before money is spent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from hotfolder.errors import LocalTrouble, SetChanged
from hotfolder.inbox.root import Root
from hotfolder.inbox.scan import scan_folders
from hotfolder.rules.sets import FileIdentity


def recheck(
    inbox: Path,
    project: str,
    folder: str,
    expected: Mapping[str, FileIdentity],
    others: Collection[str] = frozenset(),
) -> None:
    """Raise SetChanged unless the set's folder holds exactly the `expected` photos (by name), untouched.

    A photo that joined counts as a change too: it belongs into the picture that is about to be paid for. Not
    so in the project's folder itself (`folder` is ""), where other sets lie beside this one, nor for the
    names in `others`, which are no part of this set.
    """
    seen = scan_folders(inbox, [(project, folder)]).folders.get((project, folder))
    photos = {file.name: file.identity for file in seen.photos} if seen else {}
    for name, identity in expected.items():
        if name not in photos:
            raise SetChanged(f"{name} is gone")
        if photos[name] != identity:
            raise SetChanged(f"{name} was changed after its set had settled")
    joined = sorted(photos.keys() - expected.keys() - set(others)) if folder else []
    if joined:
        raise SetChanged(f"{joined[0]} joined after its set had settled")


def confirm_inbox(inbox: Path, *, marker_id: str) -> None:
    """Raise LocalTrouble unless this is the inbox that holds the marker: what can't be seen in it counts as
    gone only then. Writes nothing."""
    doubt = Root(inbox, marker_id, first_start=False).check().degraded
    if doubt:
        raise LocalTrouble(doubt, hint="The work goes on by itself once the inbox is back.")
