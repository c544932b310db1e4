"""The API's operations: every parameter and value that its reference (v1) documents.

Each field has the API's spelling as its alias, so the same models read the YAML and write the request.
The defaults are hotfolder's own, since the reference names none. They are part of a purchase's key: with
another default, what was already bought would be bought again.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, cast, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

Json = dict[str, object]
Instructions = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


ActionType = Literal["subtleStaging", "autoStaging"]
Resolution = Literal["low", "high", "superHigh"]
RoomType = Literal[
    "LIVING_ROOM", "DINING_ROOM", "BEDROOM", "KITCHEN", "KITCHEN_LIVING_AREA", "HOME_OFFICE", "TERRACE",
    "BALCONY", "BATHROOM", "EXTERIOR", "GAME_ROOM", "KIDS_ROOM", "GARAGE",
]  # fmt: skip
RoomStyle = Literal[
    "modern", "minimalist", "scandinavian", "industrial", "rustic", "farmhouse", "kidsRoom",
    "coastalModern", "luxury", "midCentury", "bohoChic", "japandi",
]  # fmt: skip
ColorType = Literal[
    "classicWhite", "charcoalGray", "matteBlack", "beige", "espressoBrown", "walnut", "naturalWood",
    "navyBlue", "forestGreen", "rusticOak", "ivory", "steelBlue", "ashGray", "mahogany",
]  # fmt: skip
LawnType = Literal["light", "medium", "strong"]
SkyType = Literal["blue", "twilight"]
SkySubType = Literal["subtle", "middle", "dramatic"]


class Frozen(BaseModel):
    """Base of the models that people write: immutable, unknown names are errors. A field's docstring is its
    description in the settings' JSON schema."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )

    def overlaid(self, upper: Self) -> Self:
        """A copy in which the fields set explicitly in `upper` replace its own."""
        return self.model_copy(update={name: getattr(upper, name) for name in upper.model_fields_set})


class Parameters(Frozen):
    """Base of the models whose names in YAML and JSON are the API's, in camel case."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    def body(self) -> Json:
        """The JSON body of the request: every documented field that isn't None or empty."""
        dumped = self.model_dump(mode="json", by_alias=True, exclude={"kind"})
        return {name: value for name, value in dumped.items() if value not in (None, [], ())}


class HdrOptions(Parameters):
    """What the merge corrects."""

    # The fields of `POST /api/hdr-image-group`.
    lens_correction: bool = True
    """Correct lens and fish-eye distortion."""
    perspective_correction: bool = True
    """Straighten the verticals."""
    photographer_removal: bool = True
    """Remove the photographer's reflection."""


class OperationParameters(Parameters):
    """Base of the parameters of `POST /api/images/:imageId/<endpoint>`."""

    endpoint: ClassVar[str]
    spoken: ClassVar[str]
    """The operation's name in a sentence."""
    main: ClassVar[str]
    """The main parameter: the one that a tag, or the short form `sky: twilight` in YAML, sets."""


class Stage(OperationParameters):
    """`POST /api/images/:imageId/stage`. The API needs a room type; None means "not decided yet"."""

    endpoint = "stage"
    spoken = "the staging"
    main = "room_style"
    kind: Literal["stage"] = "stage"
    room_type: RoomType | None = None
    room_style: RoomStyle
    action_type: ActionType = "subtleStaging"
    resolution: Resolution = "high"
    color_types: tuple[ColorType, ...] = ()
    remove_furniture: bool = False
    extra_instructions: Instructions | None = None


class Lawn(OperationParameters):
    """`POST /api/images/:imageId/lawn-replace`."""

    endpoint = "lawn-replace"
    spoken = "the lawn replacement"
    main = "lawn_type"
    kind: Literal["lawn"] = "lawn"
    lawn_type: LawnType
    resolution: Resolution = "high"
    extra_instructions: Instructions | None = None


class Sky(OperationParameters):
    """`POST /api/images/:imageId/sky-replace`."""

    endpoint = "sky-replace"
    spoken = "the sky replacement"
    main = "sky_type"
    kind: Literal["sky"] = "sky"
    sky_type: SkyType
    sky_sub_type: SkySubType = "middle"
    resolution: Resolution = "high"


Operation = Annotated[Stage | Lawn | Sky, Field(discriminator="kind")]
OPERATIONS: tuple[type[OperationParameters], ...] = get_args(get_args(Operation)[0])


def _short(model: type[OperationParameters]) -> BeforeValidator:
    """A validator that expands `sky: twilight` to `sky: {skyType: twilight}`."""
    main = model.model_fields[model.main]

    def full(value: object) -> object:
        return value if isinstance(value, dict | OperationParameters) else {main.alias: value}

    return BeforeValidator(full, json_schema_input_type=main.annotation | model)


class OneOperation(Parameters):
    """An operation with the API's own parameters: exactly one of these."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    sky: Annotated[Sky, _short(Sky)] | None = None
    lawn: Annotated[Lawn, _short(Lawn)] | None = None
    stage: Annotated[Stage, _short(Stage)] | None = None

    @property
    def operation(self) -> Operation:
        (one,) = (value for _, value in self if value is not None)
        return cast(Operation, one)


PAID_KINDS: dict[str, str] = {
    "merge": "the HDR merge",
    **{one.model_fields["kind"].default: one.spoken for one in OPERATIONS},
}
"""Every kind of paid call, with its name in a sentence: the kinds in metrics, prices and messages."""
