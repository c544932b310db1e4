"""Reads the file of faults: YAML (or JSON, which is YAML too), a list of rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from hotfolder.sandbox.faults.catalogue import kind_of, names
from hotfolder.sandbox.faults.endpoints import ALL, WITH_PROJECT
from hotfolder.sandbox.faults.kinds import Flag, Kind, Number, Origin, Parameter
from hotfolder.sandbox.faults.nodes import Source, nearest, shown
from hotfolder.sandbox.faults.rules import EVERYWHERE, Always, Chance, Numbered, Rule, Stretch, When

Fields = dict[str, tuple[yaml.Node, yaml.Node]]

RULE_FIELDS = ("endpoint", "fault", "when", "probability", "seed", "match")
WHEN_FIELDS = ("from", "to", "every")


def read_rules(path: Path) -> list[Rule]:
    """The rules of a file, in its order; none of an empty one. Raises SandboxError with the first mistake."""
    reader = Reader(Source(path))
    root = reader.source.root()
    if root is None:
        return []
    nodes = reader.source.items(root, "a file of faults")
    return [reader.rule(number, node) for number, node in enumerate(nodes, start=1)]


class Reader:
    def __init__(self, source: Source) -> None:
        self.source = source

    def rule(self, number: int, node: yaml.Node) -> Rule:
        fields = self.source.fields(node, "a rule")
        for name in ("endpoint", "fault"):
            if name not in fields:
                self.source.refuse(node, f"this rule has no {name}")
        endpoint = self.source.one_of(fields["endpoint"][1], "endpoint", (*ALL, EVERYWHERE))
        kind = self._kind(fields["fault"][1])
        if endpoint != EVERYWHERE and endpoint not in kind.endpoints:
            self.source.refuse(
                fields["fault"][1],
                f"{kind.name} can't happen at {endpoint}; it can at {', '.join(kind.endpoints)}",
            )
        known = (*RULE_FIELDS, *kind.parameters)
        for name, (key, _) in fields.items():
            if name not in known:
                self.source.refuse(
                    key, f"a rule with the fault {kind.name} has no {shown(name)}; {nearest(name, known)}"
                )
        return Rule(
            number=number,
            endpoint=endpoint,
            fault=kind.name,
            kind=kind,
            values=self._values(kind, fields),
            when=self._when(fields),
            project=self._project(endpoint, fields),
        )

    def _kind(self, node: yaml.Node) -> Kind:
        written = self.source.scalar(node)
        if isinstance(written, int) and not isinstance(written, bool):
            kind = kind_of(written)
            if kind is None:
                self.source.refuse(node, f"fault: {written} is no status from 400 to 599")
            return kind
        kind = kind_of(self.source.one_of(node, "fault (or a status from 400 to 599)", names()))
        assert kind is not None
        return kind

    def _values(self, kind: Kind, fields: Fields) -> dict[str, Any]:
        return {
            name: self._value(fields[name][1], name, parameter) if name in fields else parameter.default
            for name, parameter in kind.parameters.items()
        }

    def _value(self, node: yaml.Node, name: str, parameter: Parameter) -> Any:
        if isinstance(parameter, Flag):
            return self.source.flag(node, name)
        if isinstance(parameter, Number):
            read = self.source.whole if parameter.whole else self.source.number
            return read(node, name, parameter.least, parameter.most)
        if isinstance(parameter, Origin):
            return self._origin(node, name)
        if parameter.choices:
            return self.source.one_of(node, name, parameter.choices)
        return self.source.text(node, name)

    def _origin(self, node: yaml.Node, name: str) -> str:
        text = self.source.text(node, name)
        try:
            parts = urlsplit(text)
        except ValueError:
            parts = urlsplit("")
        alone = not (parts.path or parts.query or parts.fragment) and text.isascii() and text.isprintable()
        if parts.scheme not in ("http", "https") or not parts.netloc or not alone:
            self.source.refuse(node, f"{name} must be the first part of an address, like https://10.0.0.1")
        return text

    def _when(self, fields: Fields) -> When:
        chance = "probability" in fields
        if chance and "when" in fields:
            self.source.refuse(fields["when"][0], "a rule has when or probability, not both")
        if "seed" in fields and not chance:
            self.source.refuse(fields["seed"][0], "a seed means nothing without a probability")
        if chance:
            probability = self.source.number(fields["probability"][1], "probability", 0, 1)
            seed = self.source.whole(fields["seed"][1], "seed", 0) if "seed" in fields else 0
            return Chance(probability, seed)
        return self._counted(fields["when"][1]) if "when" in fields else Always()

    def _counted(self, node: yaml.Node) -> When:
        if isinstance(node, yaml.SequenceNode):
            return Numbered(frozenset(self.source.whole(item, "when", 1) for item in node.value))
        if not isinstance(node, yaml.MappingNode):
            return Numbered(frozenset([self.source.whole(node, "when", 1)]))
        fields = self.source.fields(node, "when")
        numbers: dict[str, int] = {}
        for name, (key, value) in fields.items():
            self.source.one_of(key, "when", WHEN_FIELDS)
            numbers[name] = self.source.whole(value, name, 1)
        every = numbers.get("every", 1)
        return Stretch(numbers.get("from", every), numbers.get("to"), every)

    def _project(self, endpoint: str, fields: Fields) -> str | None:
        if "match" not in fields:
            return None
        key, value = fields["match"]
        if endpoint not in (*WITH_PROJECT, EVERYWHERE):
            self.source.refuse(
                key,
                f"nothing in a request to {endpoint} tells its project; match works at"
                f" {', '.join(WITH_PROJECT)}",
            )
        return self.source.text(value, "match")
