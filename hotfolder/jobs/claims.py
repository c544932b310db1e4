"""Which files belong to jobs under way."""

from __future__ import annotations

from hotfolder.jobs.tables import Job
from hotfolder.jobs.tools import place_of


class Claims:
    """The files of every job that isn't at its end, by the folder that they lie in."""

    def __init__(self) -> None:
        # Asked of every folder at every look, so it must not depend on how many jobs there are.
        self._of: dict[tuple[str, str, str], dict[str, frozenset[str]]] = {}

    def take(self, job: Job, names: frozenset[str]) -> None:
        """The files `names` are the job's from now on."""
        self._of.setdefault(place_of(job), {})[job.id] = names

    def let_go(self, job: Job) -> None:
        """None is the job's any more."""
        there = self._of.get(place_of(job), {})
        there.pop(job.id, None)
        if not there:
            self._of.pop(place_of(job), None)

    def names(self, inbox: str, project: str, folder: str) -> frozenset[str]:
        """Names of the files in a folder that belong to jobs under way."""
        return frozenset().union(*self._of.get((inbox, project, folder), {}).values())
