"""The file and the variables laid over each other, with the place of every value."""

from __future__ import annotations

from collections.abc import Sequence

from hotfolder.config.environment import Override
from hotfolder.config.fields import model_at, names
from hotfolder.config.items import FLAGS
from hotfolder.config.problems import KeyPath, Place, Problem
from hotfolder.config.yamlfile import Document, PlainWord
from hotfolder.rules.routes import HdrChoices

HDR_FLAGS = {spelling for name, info in HdrChoices.model_fields.items() for spelling in (name, info.alias)}

RETIRED: dict[KeyPath, str] = {
    ("keep", "purchases_days"): "what was paid for is remembered for ever now",
}
"""Settings of the release before, with what to say of them. They are accepted, warned of and not used."""

MISSING = object()


class Sources:
    """What was written, before it is checked. `data` is plain: mappings, lists, text, numbers, truths."""

    def __init__(
        self, document: Document, overrides: Sequence[Override], problems: Sequence[Problem]
    ) -> None:
        self.document = document
        self.problems = list(problems)
        self.variables: dict[KeyPath, str] = {}
        tidied = tidy(document.data, ())
        self.data: dict[str, object] = tidied if isinstance(tidied, dict) else {}
        for override in overrides:
            self._lay_over(override)

    def _lay_over(self, override: Override) -> None:
        self.variables[override.path] = override.variable
        target = self.data
        for part in override.path[:-1]:
            inner = target.get(str(part))
            if not isinstance(inner, dict):
                inner = target[str(part)] = {}
            target = inner
        target[str(override.path[-1])] = tidy(override.value, override.path)

    def take_retired(self) -> list[Problem]:
        """Leave out the settings that are no more; a warning for each that is written."""
        warnings = []
        for path, why in RETIRED.items():
            section = self.at(path[:-1])
            if isinstance(section, dict) and path[-1] in section:
                name = ".".join(map(str, path))
                warning = f"{name} has no effect any more, since {why}; leave it out"
                warnings.append(Problem(self.place(path, of_key=True), warning))
                del section[path[-1]]
        return warnings

    def known_prefix(self, path: KeyPath) -> KeyPath:
        """As much of `path` as is really written."""
        node: object = self.data
        for depth, part in enumerate(path):
            node = step(node, part)
            if node is MISSING:
                return path[:depth]
        return path

    def at(self, path: KeyPath) -> object:
        """The value at a path, None where nothing is written."""
        node: object = self.data
        for part in path:
            node = step(node, part)
        return None if node is MISSING else node

    def place(self, path: KeyPath, *, of_key: bool = False) -> Place:
        """Where the value (or the name) at `path` is written; of what is missing, where it should be."""
        written = self.known_prefix(path)
        for length in range(len(written), 0, -1):
            if written[:length] in self.variables:
                return Place(variable=self.variables[written[:length]])
        places = self.document.keys if of_key and written == path else self.document.values
        for length in range(len(written), -1, -1):
            if written[:length] in places:
                return places[written[:length]]
        return Place(self.document.file)

    def later_place(self, one: KeyPath, other: KeyPath) -> Place:
        """Of two settings the place that a reader meets later, leaving aside what isn't written at all."""
        written = [path for path in (one, other) if self.known_prefix(path) == path]
        return max(
            (self.place(path) for path in written or [()]),
            key=lambda place: (place.variable, place.line, place.column),
        )


def step(node: object, part: str | int) -> object:
    """What is one step below `node`, or MISSING."""
    if isinstance(node, dict):
        return node.get(part, MISSING)
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return node[part]
    return MISSING


def tidy(value: object, path: KeyPath) -> object:
    """Without empty settings, which mean their defaults; and with `yes` and `no` as true and false where apt.

    What is no setting, such as a mistyped one or an own tag, stays when it is empty, and is a problem later.
    """
    if isinstance(value, dict):
        model = model_at(path)
        settings = names(model).keys() | model.model_fields.keys() if model else set()
        inner = {name: tidy(one, (*path, name)) for name, one in value.items()}
        return {name: one for name, one in inner.items() if one is not None or name not in settings}
    if isinstance(value, list):
        return [tidy(one, (*path, index)) for index, one in enumerate(value)]
    if isinstance(value, PlainWord) and path and path[-1] in FLAGS | HDR_FLAGS:
        return value.lower() in ("yes", "on")
    return str(value) if isinstance(value, PlainWord) else value
