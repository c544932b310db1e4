"""The kinds of operations: their tags, their names for people, and their prices. Their parameters are in
`stager/operations.py`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, get_args

from pydantic import Field

from hotfolder.stager.operations import (
    PAID_KINDS,
    Frozen,
    Lawn,
    LawnType,
    Operation,
    RoomStyle,
    RoomType,
    Sky,
    SkySubType,
    Stage,
)

CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def hyphened(word: str) -> str:
    """An API's value as a tag spells it: `midCentury` is `mid-century`, `LIVING_ROOM` is `living-room`."""
    return CAMEL.sub("-", word).replace("_", "-").lower()


@dataclass(frozen=True, slots=True)
class Family:
    """The tags of one kind of operation, all of which begin with its name, and the words for people."""

    tags: Mapping[str, Operation]
    tag_lines: tuple[str, ...]
    """The family's part of the list of all tags that refusals give."""
    example: str
    """The tag that is proposed to whoever names the family alone."""
    missing_part: str
    """Completes "add …, such as <example>"."""
    choice: str
    """Completes "Rename the folder, with …, then drag it back."; German has it after "mit"."""
    misspellings: Mapping[str, str]
    """Common wrong spellings, comma-separated, by the tag that they mean, or by the family where they are
    ambiguous."""
    display_name: str
    """The operation's name where pictures are shown."""
    disclosure: str
    """The alteration, as the disclosure states it."""
    extra_name_parameters: tuple[str, ...] = ()
    """Parameters that a picture's name has besides the main one, where they aren't the default."""


FAMILIES: Mapping[str, Family] = {
    "sky": Family(
        tags={
            "sky-blue": Sky(sky_type="blue"),
            "sky-twilight": Sky(sky_type="twilight"),
            **{
                f"sky-twilight-{sub_type}": Sky(sky_type="twilight", sky_sub_type=sub_type)
                for sub_type in get_args(SkySubType)
            },
        },
        tag_lines=("sky-blue", "sky-twilight (or with -" + ", -".join(get_args(SkySubType)) + ")"),
        example="sky-blue",
        missing_part="a kind of sky",
        choice="sky-blue or sky-twilight",
        misspellings={
            "sky-twilight": "dusk, sky-dusk, twilight, sunset, sky-sunset, evening, night, sky-night,"
            " day-to-dusk",
            "sky-blue": "blue, blue-sky, sunny, sky-sunny, sky-clear, clear-sky, sky-replacement,"
            " sky-replace",
        },
        display_name="sky",
        disclosure="sky replaced",
        extra_name_parameters=("sky_sub_type",),
    ),
    "lawn": Family(
        tags={f"lawn-{lawn_type}": Lawn(lawn_type=lawn_type) for lawn_type in get_args(LawnType)},
        tag_lines=(", ".join(f"lawn-{lawn_type}" for lawn_type in get_args(LawnType)),),
        example="lawn-medium",
        missing_part="a strength",
        choice="lawn-light, lawn-medium or lawn-strong",
        misspellings={"lawn": "grass, green, green-grass, green-lawn"},
        display_name="lawn",
        disclosure="lawn replaced",
    ),
    "stage": Family(
        tags={
            hyphened(f"stage-{style}{room and '-'}{room}"): Stage(room_style=style, room_type=room or None)
            for style in get_args(RoomStyle)
            for room in ("", *get_args(RoomType))
        },
        tag_lines=(
            "stage-<style> or stage-<style>-<room type>, with the styles "
            + ", ".join(map(hyphened, get_args(RoomStyle)))
            + " and the room types "
            + ", ".join(map(hyphened, get_args(RoomType))),
        ),
        example="stage-modern",
        missing_part="a style",
        choice="a style that there is, such as stage-modern",
        misspellings={"stage": "staging, staged, virtual-staging, furniture, furnish, furnished, stage-room"},
        display_name="staging",
        disclosure="virtually staged",
    ),
}
"""The families by their operations' kinds."""


def alteration_text(kind: str) -> str:
    """The alteration that an operation of this kind makes, for the disclosure; the kind itself where it is
    unknown, since receipts of other versions may have other kinds."""
    return FAMILIES[kind].disclosure if kind in FAMILIES else kind


def operation_word(operation: Operation) -> str:
    """The tag that asks for `operation`: `sky-twilight`, `lawn-strong`, `stage-mid-century`."""
    fields = type(operation).model_fields
    said = [getattr(operation, operation.main)]
    for name in FAMILIES[operation.kind].extra_name_parameters:
        if (value := getattr(operation, name)) != fields[name].default:
            said.append(value)
    return hyphened("-".join((operation.kind, *said)))


Price = Annotated[Decimal, Field(ge=0, le=100_000, decimal_places=4)]


class Prices(Frozen):
    """The price of each kind of paid call. Without any, no money is shown anywhere."""

    currency: Annotated[str, Field(max_length=8)] = ""
    """Shown behind every sum, such as EUR or $."""
    merge: Price | None = None
    """What one merge costs."""
    sky: Price | None = None
    """What one sky replacement costs."""
    lawn: Price | None = None
    """What one lawn replacement costs."""
    stage: Price | None = None
    """What one staging costs."""

    def sum(self, kinds: Iterable[str]) -> Decimal | None:
        """The cost of one paid call for each entry of `kinds`; None where one of them has no price, or no
        kind has: a sum without it would be taken for the whole."""
        prices = {kind: price for kind in PAID_KINDS if (price := getattr(self, kind)) is not None}
        wanted = list(kinds)
        if not prices or not prices.keys() >= {*wanted}:
            return None
        return sum((prices[kind] for kind in wanted), Decimal(0))

    def sum_text(self, kinds: Iterable[str]) -> str:
        """That sum for people, such as `3.20 EUR`; "" where there is none."""
        amount = self.sum(kinds)
        return "" if amount is None else money_text(amount, self.currency)


def money_text(amount: Decimal, currency: str) -> str:
    """The amount with its currency: at least two decimals, further ones without trailing zeros."""
    text = f"{amount.normalize():f}"
    whole, _, digits = text.partition(".")
    return f"{whole}.{digits:0<2} {currency}".rstrip()
