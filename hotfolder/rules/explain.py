"""Explanation of a plan: its routes, its photos, and the exact API calls that it would make."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from hotfolder.display import counted, visible
from hotfolder.rules.delivery import LABELLED, Originals, fill_template
from hotfolder.rules.foldernames import quoted
from hotfolder.rules.kinds import hyphened, operation_word
from hotfolder.rules.recipes import Recipe, Variant
from hotfolder.rules.routing import Plan
from hotfolder.rules.sets import sent_name
from hotfolder.stager.operations import Json, Operation, Stage

# Placeholders, in angle brackets, for values that only the API's answers give.
PROJECT_ID, GROUP_ID, IMAGE_ID = "<project id>", "<group id>", "<image id>"
ENDING = ".<jpg or png>"
ORIGINALS = {
    Originals.KEEP: "are kept beside the pictures",
    Originals.ARCHIVE: "go to the archive",
    Originals.DELETE: "are DELETED once the pictures, one of them unaltered, are in done and verified",
}


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One request that would be made. `path` is a path of the API, or a placeholder for a signed address."""

    method: str
    path: str
    body: Json | str | None = None
    paid: bool = False
    note: str = ""

    def line(self) -> str:
        """The call in one line."""
        body = self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)
        parts = [self.method, self.path, *([body] if self.body is not None else [])]
        remark = ", ".join([*(["PAID"] if self.paid else []), *([self.note] if self.note else [])])
        return visible(" ".join(parts)) + (f"   ({remark})" if remark else "")


@dataclass(frozen=True, slots=True)
class Sent:
    """How a photo will be sent. `develop` is the reason why a JPEG developed from it is sent instead; empty
    where the file itself is sent."""

    format: str = "JPEG"
    develop: str = ""

    def source(self, name: str) -> str:
        """What is sent for the photo of that name, in words."""
        if self.develop:
            return f"a JPEG developed here from {quoted(name)}, since {self.develop}"
        return f"the bytes of {quoted(name)}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A plan with the calls it would make; `photos` are by name, in the order they are sent."""

    plan: Plan
    photos: Mapping[str, Sent]
    calls: tuple[PlannedCall, ...]

    @property
    def paid_calls(self) -> int:
        """The number of calls that cost money if no earlier purchase can be reused."""
        return sum(call.paid for call in self.calls)

    def brief(self) -> str:
        """One line: the photos, what is made of them, and the route."""
        names = [visible(name) for name in self.photos]
        which = "" if not names else f" ({names[0]})" if len(names) == 1 else f" ({names[0]} to {names[-1]})"
        photos = counted(len(names), "photo") + which
        developed = sum(bool(photo.develop) for photo in self.photos.values())
        photos += f", {developed} developed into JPEGs here" if developed else ""
        route = f", by route {quoted(self.plan.route)}" if self.plan.route else ""
        again = ", PAID AGAIN" if self.plan.again else ""
        return f"{photos}, {self.made_text()}{route}{again}"

    def made_text(self) -> str:
        """What is made, such as "merge + sky-blue"."""
        return " + ".join(dict.fromkeys(self.plan.recipe.words()))

    def lines(self, *, calls: bool = False) -> list[str]:
        """The explanation as lines of text, with the exact calls if `calls`."""
        plan = self.plan
        chosen = f"route {quoted(plan.route)}" if plan.route else "no route matches: the defaults hold"
        lines = [
            f"Project  {visible(plan.project_title)}",
            f"Room     {visible(plan.room)}",
            f"Tags     {', '.join(plan.tags) or 'none'}",
            f"Route    {chosen}",
        ]
        for verdict in plan.verdicts:
            outcome = "matches" if verdict.matched else "does not match"
            lines.append(f"  {quoted(verdict.route)} {outcome}: {verdict.reason}")
        lines += self._room_type_lines()
        lines += [f"Starts   {self.start_text()}", f"Photos   {len(self.photos)}"]
        for number, (name, photo) in enumerate(self.photos.items(), 1):
            why = f" (developed into a JPEG here, since {photo.develop})" if photo.develop else ""
            lines.append(f"  {number}. {visible(name)}{why}")
        lines.append(f"Calls    {len(self.calls)}, of which {self.paid_calls} paid")
        if calls:
            lines += [f"  {number}. {call.line()}" for number, call in enumerate(self.calls, 1)]
        lines += self._delivery_lines()
        if plan.again:
            lines.append("The tag again is set: what was bought before is bought once more.")
        elif self.paid_calls:
            lines.append(
                "What was bought before, for the same photos and settings, is reused and not paid again."
            )
        return lines

    def as_dict(self) -> Json:
        """The explanation as a JSON object."""
        plan = self.plan
        return {
            "project": plan.project_title,
            "room": plan.room,
            "tags": list(plan.tags),
            "again": plan.again,
            "route": plan.route,
            "routes": [asdict(one) for one in plan.verdicts],
            "quiet_seconds": plan.settle.quiet_seconds,
            "expected_photos": plan.settle.expected_photos,
            "photos": list(self.photos),
            "recipe": plan.recipe.model_dump(mode="json", by_alias=True),
            "calls": [asdict(call) for call in self.calls],
            "paid_calls": self.paid_calls,
            "delivered": delivered_names(plan),
        }

    def _room_type_lines(self) -> list[str]:
        """Lines with the room type of each staging."""
        steps = (path[-1] for path in self.plan.recipe.operation_paths())
        kinds = dict.fromkeys(step.room_type for step in steps if isinstance(step, Stage))
        return [f"Staged   as {hyphened(kind)}" for kind in kinds if kind is not None]

    def _delivery_lines(self) -> list[str]:
        where = "a folder for the room in the project's folder"
        if self.plan.recipe.delivery.folders == "flat":
            where = "the project's folder"
        lines = [f"Delivers into {where}", *(f"  {visible(name)}" for name in delivered_names(self.plan))]
        for name, wanted in self.plan.recipe.delivery.renditions.items():
            lines.append(f"  and each of them as {name}/… ({wanted})")
        label = self.plan.recipe.delivery.label
        if label and self.plan.recipe.operation_paths():
            lines.append(f'  and each altered one as {LABELLED}/… (with "{visible(label)}" written on it)')
        return [*lines, f"Originals {ORIGINALS[self.plan.recipe.delivery.originals]}"]

    def start_text(self) -> str:
        """When the set starts, for people."""
        settle = self.plan.settle
        quiet = "the usual time" if settle.quiet_seconds is None else f"{settle.quiet_seconds:g} s"
        at_once = f", or at once with {settle.expected_photos} photos" if settle.expected_photos else ""
        return f"after {quiet} without a change{at_once}"


def delivered_names(plan: Plan) -> list[str]:
    """The names of the delivered pictures, with placeholders in angle brackets for what only the photos or
    the answers give."""
    recipe = plan.recipe
    every = [Variant(name="", operations=())] if recipe.merge else []
    names = []
    for name, operations in ((one.name, one.operations) for one in (*every, *recipe.altered_pictures())):
        fields = {
            "project": plan.project_title,
            "room": plan.room,
            "set": plan.folder,
            "tags": "__".join(operation_word(one) for one in operations),
            "variant": name,
            "date": "<date>",
            "seq": "<number>",
        }
        names.append(
            fill_template(recipe.delivery.template(altered=bool(operations), variant=bool(name)), fields)
            + ENDING
        )
    return names


def explain(plan: Plan, photos: Mapping[str, Sent]) -> Explanation:
    """Explain `plan` for photos (by name, in order), with all its calls as if no purchase could be reused."""
    calls: list[PlannedCall] = []
    if plan.recipe.merge:
        calls += _merge_calls(plan, photos)
    for path in plan.recipe.operation_paths():
        calls += _operation_calls(plan.recipe, path, photos)
    return Explanation(plan, photos, tuple(calls))


def _merge_calls(plan: Plan, photos: Mapping[str, Sent]) -> list[PlannedCall]:
    group: Json = {"projectId": PROJECT_ID, "groupId": GROUP_ID}
    calls = [
        PlannedCall(
            "POST", "/api/projects", {"title": plan.project_title}, note="once for the whole project"
        ),
        PlannedCall("POST", "/api/hdr-image-group", {"projectId": PROJECT_ID, **plan.recipe.hdr.body()}),
    ]
    for number, (name, photo) in enumerate(photos.items(), 1):
        slot = {**group, "filename": sent_name(number, photo.format)}
        calls.append(PlannedCall("POST", "/api/hdr-upload-url", slot))
        calls.append(PlannedCall("PUT", "<signed upload address>", note=photo.source(name)))
    return [
        *calls,
        PlannedCall("POST", "/api/hdr-enhance", group, paid=True),
        PlannedCall("GET", f"/api/hdr-image-group/{GROUP_ID}", note="until the merge is completed"),
        PlannedCall("GET", "<address of the result>", note="download"),
    ]


def _operation_calls(
    recipe: Recipe, path: tuple[Operation, ...], photos: Mapping[str, Sent]
) -> list[PlannedCall]:
    operation = path[-1]
    source = "the merged picture"
    if not recipe.merge:
        source = " and ".join(photo.source(name) for name, photo in photos.items() if photo.develop)
        source = source or "the photo as it is"
    if path[:-1]:
        source = f"the result of {' and '.join(operation_word(one) for one in path[:-1])}"
    names = [one.name for one in recipe.variants if one.operations[: len(path)] == path]
    note = f"for {' and '.join(names)}" if names else ""
    address = f"/api/images/{IMAGE_ID}/{operation.endpoint}"
    return [
        PlannedCall("POST", "/api/image", f"(multipart: {source})"),
        PlannedCall("POST", address, operation.body(), paid=True, note=note),
        PlannedCall("GET", "<address of the result>", note="download"),
    ]
