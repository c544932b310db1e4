"""Ids by which a page names projects, folders and pictures, so that no name of a folder is in an address.

An id is looked up among what is known; nothing is ever made of one but a row of the store.
"""

from __future__ import annotations

import hashlib

DIGITS = 20
JOINT = "-"


def opaque(*parts: str) -> str:
    """Hexadecimal digits that stand for these names, whatever bytes are in them."""
    told = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(told).hexdigest()[:DIGITS]


def project_id(inbox: str, project: str) -> str:
    return opaque("project", inbox, project)


def folder_id(inbox: str, project: str, folder: str) -> str:
    """Of a room's folder in an inbox; with "" for `folder` of the photos in the project's own."""
    return opaque("folder", inbox, project, folder)


def picture_id(job: str, path: str) -> str:
    """Of a delivered picture, by its path in done/. Begins with its job, which `job_of` tells."""
    return f"{job}{JOINT}{opaque('picture', path)}"


def photo_id(job: str, name: str) -> str:
    """Of an original of a job, by its name. Begins with its job, which `job_of` tells."""
    return f"{job}{JOINT}{opaque('photo', name)}"


def arriving_id(inbox: str, project: str, folder: str, name: str) -> str:
    """Of a photo in a folder of the inbox that is no job yet. Begins with the folder's id, which `job_of`
    tells."""
    return f"{folder_id(inbox, project, folder)}{JOINT}{opaque('photo', name)}"


def job_of(known: str) -> str:
    """The job that the id of a picture or photo begins with; for an arriving one, the id of its folder."""
    return known.partition(JOINT)[0]
