"""The file with the HOTFOLDER_* variables laid over it, before it is checked: every value with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import SecretStr
from pydantic.alias_generators import to_snake

from hotfolder.config.schema import all_settings, below, holds, model_of
from hotfolder.config.settings import Settings
from hotfolder.config.yamlfile import Document, KeyPath, Node, Place, Problem, parse
from hotfolder.errors import ConfigurationError
from hotfolder.rules.names import nearest, normal

PREFIX = "HOTFOLDER_"
NOT_SETTINGS = {"HOTFOLDER_CONFIG", "HOTFOLDER_BRACKETS"}
KEY_NAMES = {"key", "apikey", "stagerapikey", "secret", "token", "password"}

RETIRED: dict[KeyPath, str] = {
    ("keep", "purchases_days"): "what was paid for is remembered for ever now",
    ("notify", "disk_low_bytes"): "a disk is told of when it is full",
}
"""Settings of the release before, with what to say of them. They are accepted, warned of and not used."""


class Sources:
    """What was written. Empty settings are left out, since they mean their defaults; what is no setting, such
    as a mistyped one or an own tag, stays when it is empty, and is a problem later. `problems` are those of
    form; `warnings` name what was accepted and has no effect."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self.root, self.problems = document
        self.warnings: list[Problem] = []
        # Outer settings first, so that inner ones are laid over them.
        for path, node in sorted(self._variables(environ), key=lambda one: len(one[0])):
            self._lay_over(path, node)
        tidy(self.root, Settings)
        self._take_retired()

    def _variables(self, environ: Mapping[str, str]) -> Iterator[tuple[KeyPath, Node]]:
        accepted = [*all_settings(), *((path, None) for path in RETIRED)]
        known = {tuple(normal(str(part)) for part in path): (path, kind) for path, kind in accepted}
        for variable in sorted(environ):
            if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
                continue
            place = Place(variable=variable)
            parts = variable.removeprefix(PREFIX).split("__")
            path, kind = known.get(tuple(map(normal, parts)), ((), None))
            if not path:
                self.problems.append(Problem(place, _unknown(variable, parts)))
            elif environ[variable].strip():  # what a container's template leaves empty is as good as unset
                try:
                    yield path, _value(environ[variable], kind, place)
                except ConfigurationError:
                    self.problems.append(Problem(place, "its value is not valid YAML"))

    def _lay_over(self, path: KeyPath, node: Node) -> None:
        target = self.root
        for part in path:
            if not isinstance(target.value, dict):
                target.value = {}
            above, target = target.value, target.value.setdefault(part, Node(node.place, None, node.place))
        above[path[-1]] = node

    def _take_retired(self) -> None:
        for path, why in RETIRED.items():
            place = self.place(path, of_name=True)
            section = self.walk(path[:-1])[-1].value
            if isinstance(section, dict) and section.pop(path[-1], None):
                name = ".".join(map(str, path))
                warning = f"{name} has no effect any more, since {why}; leave it out"
                self.warnings.append(Problem(place, warning))

    def walk(self, path: KeyPath) -> list[Node]:
        """The node at the top and those below it, for as much of `path` as is written."""
        nodes = [self.root]
        for part in path:
            found = nodes[-1].below(part)
            if found is None:
                break
            nodes.append(found)
        return nodes

    def known_prefix(self, path: KeyPath) -> KeyPath:
        """As much of `path` as is really written."""
        return path[: len(self.walk(path)) - 1]

    def at(self, path: KeyPath) -> object:
        """The value at a path, None where nothing is written."""
        nodes = self.walk(path)
        return nodes[-1].plain() if len(nodes) > len(path) else None

    def place(self, path: KeyPath, *, of_name: bool = False) -> Place:
        """Where the value (or the name) at `path` is written; of what is missing, where it should be."""
        nodes = self.walk(path)
        name_place = nodes[-1].name_place if of_name and len(nodes) > len(path) else None
        return name_place or nodes[-1].place

    def later_place(self, *paths: KeyPath) -> Place:
        """Of several settings the place that a reader meets last, leaving aside what isn't written at all."""
        written = [path for path in paths if self.known_prefix(path) == path]
        return max((self.place(path) for path in written or [()]), key=lambda place: place.order)


def _unknown(variable: str, parts: list[str]) -> str:
    if normal(parts[-1]) in KEY_NAMES:
        return "the API key goes into the variable STAGER_API_KEY, or into a file that api.key_file names"
    guess = nearest(variable, all_variables())
    return "there is no such setting" + (f"; did you mean {guess}?" if guess else "")


def all_variables() -> list[str]:
    """The name of every variable that sets something."""
    return [PREFIX + "__".join(to_snake(str(part)).upper() for part in path) for path, _ in all_settings()]


def _value(text: str, kind: object, place: Place) -> Node:
    if holds(kind, str, SecretStr):
        return Node(place, text, place)
    node, problems = parse(text, place)
    if problems:
        raise ConfigurationError("a name is written twice")
    node.name_place = place
    if holds(kind, tuple) and isinstance(node.value, str):
        node.value = [Node(place, part.strip()) for part in node.value.split(",")]
    return node


def tidy(node: Node, kind: object) -> None:
    """Leave out empty settings, and read `yes` and `no` as true and false where the setting is one."""
    if isinstance(node.value, list):
        for index, item in enumerate(node.value):
            tidy(item, below(kind, index))
    elif isinstance(node.value, dict):
        for name, item in list(node.value.items()):
            inner = below(kind, name)
            tidy(item, inner)
            if item.value is None and inner is not None and model_of(kind) is not None:
                del node.value[name]
    elif node.word and holds(kind, bool):
        node.value = str(node.value).lower() in ("yes", "on")
