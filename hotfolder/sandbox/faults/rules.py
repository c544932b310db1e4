"""The model of the file of faults: the fields of its rules, and which requests each of them hits.

The file is YAML (or JSON, which is YAML too): a list of rules. It is reloaded whenever it has changed.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit, urlunsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from hotfolder.sandbox.requestledger import ENDPOINTS, route_of
from hotfolder.sandbox.settings import SandboxError

if TYPE_CHECKING:
    from starlette.types import Scope

    from hotfolder.sandbox.faults.exchange import Exchange

logger = logging.getLogger(__name__)

EVERYWHERE = "*"
STATUSES = range(400, 600)


ALL = tuple(ENDPOINTS)
JSON = tuple(name for name, call in ENDPOINTS.items() if call.origin == "api")
# The requests that can be attributed to a project, by an id or a URL.
WITH_PROJECT = ("projects", "group-create", "upload-url", "put", "enhance", "group-get", "result-get")


def endpoint_of(scope: Scope, origin: str) -> str | None:
    """The endpoint that a request is for; None for documentation pages and what doesn't exist."""
    route = route_of(scope["path"])
    for name, call in ENDPOINTS.items():
        if call.origin == origin and call.method == scope["method"] and route in call.routes:
            return name
    return None


Act = Callable[["Exchange", "Rule"], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """A kind of fault, and where it can happen. `options` are the rule's fields that it takes, with defaults.

    `act` answers the request, or doesn't, and writes exactly one `faulted` line into the ledger.
    """

    endpoints: tuple[str, ...]
    act: Act
    options: dict[str, Any]


FAULTS: dict[str, Fault] = {}


def fault(*names: str, at: tuple[str, ...], **options: Any) -> Callable[[Act], Act]:
    """Decorator: register a function as the action of the faults with these names."""

    def register(act: Act) -> Act:
        FAULTS.update(dict.fromkeys(names, Fault(at, act, options)))
        return act

    return register


def parse_origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or urlunsplit(parts[:2] + ("",) * 3) != text:
        raise ValueError("it must be the first part of an address, like https://10.0.0.1")
    return text


def expand_numbers(value: Any) -> Any:
    """Expand the short forms `2` and `[2, 3]`: requests with these numbers."""
    if isinstance(value, dict | None):
        return value
    return {"numbers": value if isinstance(value, list) else [value]}


Positive = Annotated[int, Field(ge=1, le=10**9)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
WholeSeconds = Annotated[int, Field(ge=0, le=10**9)]
STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


class When(BaseModel):
    """Requests, counted from 1: those in `numbers`, or each `every`th from `first` to `last`."""

    model_config = STRICT
    numbers: list[Positive] | None = None
    first: Positive | None = Field(None, alias="from")
    last: Positive | None = Field(None, alias="to")
    every: Positive = 1

    def hits(self, number: int) -> bool:
        if self.numbers is not None:
            return number in self.numbers
        first = self.first or self.every
        return first <= number <= (self.last or number) and (number - first) % self.every == 0


class Rule(BaseModel):
    """One entry of the file: a fault at an endpoint, and which requests it hits. Other fields are options."""

    model_config = STRICT
    endpoint: Literal[EVERYWHERE, *ALL]  # type: ignore[valid-type]
    fault: Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
    when: Annotated[When | None, BeforeValidator(expand_numbers)] = None
    probability: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    match: str | None = None

    seconds: Seconds = 0
    interval_seconds: Seconds = 0
    retry_after: WholeSeconds | None = None
    retry_after_date: WholeSeconds | None = None
    processed: bool = True
    announced: bool = True
    bytes: Positive = 1
    size_bytes: Annotated[int, Field(ge=2, le=10**12)] = 2
    side_pixels: Annotated[int, Field(ge=1, le=60_000)] = 1
    origin: Literal["api", "storage", "both"] = "both"
    text: str = ""
    to: Annotated[str, AfterValidator(parse_origin)] = ""

    @model_validator(mode="before")
    @classmethod
    def with_defaults(cls, value: Any) -> Any:
        """Fill in the fault's defaults for its options."""
        known = FAULTS.get(str(value.get("fault"))) if isinstance(value, dict) else None
        return {**known.options, **value} if known else value

    @model_validator(mode="after")
    def fits_its_fault(self) -> Self:
        known = FAULTS.get(self.fault)
        if known is None:
            names = ", ".join(name for name in FAULTS if not name.isdigit())
            raise ValueError(
                f"no fault is called {self.fault!r}; there is {names}, or a status from 400 to 599"
            )
        if self.endpoint not in (EVERYWHERE, *known.endpoints):
            places = ", ".join(known.endpoints)
            raise ValueError(f"{self.fault} can't happen at {self.endpoint}; it can at {places}")
        if unknown := self.model_fields_set - known.options.keys() - SELECTION_FIELDS:
            raise ValueError(f"{self.fault} doesn't know {', '.join(sorted(unknown))}")
        if self.probability is not None and self.when is not None:
            raise ValueError("a rule has when or probability, not both")
        if self.probability is None and "seed" in self.model_fields_set:
            raise ValueError("a seed means nothing without a probability")
        if self.match is not None and self.endpoint not in (EVERYWHERE, *WITH_PROJECT):
            raise ValueError(f"match works at {', '.join(WITH_PROJECT)}; no other request tells its project")
        return self

    @property
    def act(self) -> Act:
        return FAULTS[self.fault].act

    def fits(self, endpoint: str, title: str | None) -> bool:
        """Whether this rule counts a request to `endpoint` for the project with that title."""
        if endpoint not in FAULTS[self.fault].endpoints or self.endpoint not in (endpoint, EVERYWHERE):
            return False
        return self.match is None or (title is not None and fnmatchcase(title, self.match))

    def hits(self, number: int) -> bool:
        """Whether it hits the request with that number. Deterministic for a seed and a number."""
        if self.probability is not None:
            return random.Random(f"{self.seed}/{number}").random() < self.probability
        return self.when is None or self.when.hits(number)


SELECTION_FIELDS = {"endpoint", "fault", "when", "probability", "seed", "match"}
RULES = TypeAdapter(list[Rule])


def read_rules(path: Path) -> list[Rule]:
    """The rules of a file, in its order; [] for an empty one. Raises SandboxError with the first mistake."""
    try:
        return RULES.validate_python(yaml.safe_load(path.read_bytes()) or [])
    except OSError as error:
        said = f"the file of faults can't be read: {error.strerror}"
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        number, *field = first["loc"] or (-1,)
        place = f"rule {int(number) + 1}: " + "".join(f"{name}: " for name in field)
        said = f"{place if first['loc'] else ''}{first['msg'].removeprefix('Value error, ')}"
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = "this is not valid YAML: " + " ".join(str(error).split())
    raise SandboxError(f"{path}: {said}")


class RuleBook:
    """The current rules, each with a count of the requests that fit it.

    Raises SandboxError when the file is invalid at first. When it becomes invalid later, the old rules stay.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._identity()
        self._take(read_rules(path))

    def _identity(self) -> tuple[int, ...] | None:
        """Changes with the file; None when there is none."""
        try:
            seen = self._path.stat()
        except OSError:
            return None
        return (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)

    def _take(self, rules: list[Rule]) -> None:
        self.rules, self._counts = rules, [0] * len(rules)

    def refresh(self) -> None:
        """Reload the file if it has changed. Its rules then count from 1."""
        now = self._identity()
        if now == self._seen:
            return
        self._seen = now
        try:
            self._take(read_rules(self._path))
        except SandboxError as error:
            logger.warning("the faults stay as they were: %s", error)

    def wants_title(self, endpoint: str) -> bool:
        """Whether a rule for `endpoint` depends on a project's title."""
        return endpoint in WITH_PROJECT and any(
            rule.match is not None and rule.endpoint in (endpoint, EVERYWHERE) for rule in self.rules
        )

    def hit(self, endpoint: str, title: str | None) -> Rule | None:
        """Count a request. Returns the first rule in the file that hits it, None where none does."""
        found = None
        for place, rule in enumerate(self.rules):
            if rule.fits(endpoint, title):
                self._counts[place] += 1
                if found is None and rule.hits(self._counts[place]):
                    found = rule
        return found
