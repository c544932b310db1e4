"""Which files belong to jobs under way."""

from __future__ import annotations


class Claims:
    """The files of every job that isn't at its end, by their place: inbox, project, folder."""

    def __init__(self) -> None:
        # Asked of every folder at every look, so it must not depend on how many jobs there are.
        self._of: dict[tuple[str, str, str], dict[str, frozenset[str]]] = {}

    def take(self, place: tuple[str, str, str], job_id: str, names: frozenset[str]) -> None:
        """The files `names` there are the job's from now on."""
        self._of.setdefault(place, {})[job_id] = names

    def let_go(self, place: tuple[str, str, str], job_id: str) -> None:
        """None there is the job's any more."""
        there = self._of.get(place, {})
        there.pop(job_id, None)
        if not there:
            self._of.pop(place, None)

    def names(self, inbox: str, project: str, folder: str) -> frozenset[str]:
        """Names of the files in a folder that belong to jobs under way."""
        return frozenset().union(*self._of.get((inbox, project, folder), {}).values())
