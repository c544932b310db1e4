"""Section 3 of the reference: one image up, then staging, lawn and sky."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from hotfolder.sandbox.answers import ImageAnswer, OperationAnswer, Picture
from hotfolder.sandbox.bodies import LawnBody, SkyBody, StageBody
from hotfolder.sandbox.hdr import refusing
from hotfolder.sandbox.inspection import Facts, NotAPicture, inspect
from hotfolder.sandbox.lane import TaskFailed, TaskRefused
from hotfolder.sandbox.ledger import note, route_of
from hotfolder.sandbox.objects import RESIZED, RESULTS
from hotfolder.sandbox.parsing import StrictRoute
from hotfolder.sandbox.records import Image
from hotfolder.sandbox.refusals import Refusal, shown
from hotfolder.sandbox.state import Sandbox

FILE_FIELDS = ("file", "File")

FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "A JPEG or PNG. The reference's spelling `File` is taken as well.",
                        }
                    },
                }
            }
        },
    }
}

OPERATION_REFUSALS = refusing(400, 401, 404, 413, 415, 422, 500)


def images_router(sandbox: Sandbox) -> APIRouter:
    router = APIRouter(tags=["Staging and environment"], route_class=StrictRoute)
    calls = ImageCalls(sandbox)

    @router.post("/api/image", responses=refusing(400, 401, 413, 415), openapi_extra=FORM)
    async def upload_image(request: Request) -> ImageAnswer:
        """Upload the image that is to be altered."""
        return await calls.upload(request)

    @router.post("/api/images/{imageId}/stage", responses=OPERATION_REFUSALS)
    async def stage(imageId: str, body: StageBody, request: Request) -> OperationAnswer:
        """Virtual staging. **Paid.** The sandbox returns the photo with a band that says it isn't staged."""
        return await calls.operate(
            request,
            imageId,
            "stage",
            room_type=body.roomType,
            room_style=body.roomStyle,
            action_type=body.actionType,
            resolution=body.resolution,
            color_types=body.colorTypes,
            remove_furniture=body.removeFurniture,
            extra_instructions=body.extraInstructions or None,
        )

    @router.post("/api/images/{imageId}/lawn-replace", responses=OPERATION_REFUSALS)
    async def replace_lawn(imageId: str, body: LawnBody, request: Request) -> OperationAnswer:
        """Lawn replacement. **Paid.** 422 when there is no lawn to be found."""
        return await calls.operate(
            request,
            imageId,
            "replace_lawn",
            lawn_type=body.lawnType,
            resolution=body.resolution,
            extra_instructions=body.extraInstructions or None,
        )

    @router.post("/api/images/{imageId}/sky-replace", responses=OPERATION_REFUSALS)
    async def replace_sky(imageId: str, body: SkyBody, request: Request) -> OperationAnswer:
        """Sky replacement. **Paid.** 422 when there is no sky to be found."""
        return await calls.operate(
            request,
            imageId,
            "replace_sky",
            sky_type=body.skyType,
            sky_sub_type=body.skySubType,
            resolution=body.resolution,
        )

    return router


class ImageCalls:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._decoding = asyncio.Semaphore(2)

    async def upload(self, request: Request) -> ImageAnswer:
        async with request.form(max_files=2, max_fields=8) as form:
            file = the_file(form)
            async with self._decoding:
                image = await run_in_threadpool(self._store, file)
        note(request.scope, image=image.id)
        return ImageAnswer(data=self._picture(image))

    async def operate(
        self, request: Request, identifier: str, task: str, **arguments: Any
    ) -> OperationAnswer:
        source = await run_in_threadpool(self._sandbox.records.image, identifier)
        if source is None:
            raise Refusal(404, f"imageId: there is no image {shown(identifier)}")
        if source.bucket != RESIZED:
            raise Refusal(
                404, f"imageId: {shown(identifier)} is a result; upload it by POST /api/image first"
            )
        note(request.scope, image=source.id)
        route = route_of(request.scope["path"])
        self._sandbox.ledger.charge(route, image=source.id)
        try:
            result = await self._perform(source, task, arguments)
        except TaskRefused as error:
            self._sandbox.ledger.refund(route, image=source.id)
            raise Refusal(422, str(error)) from None
        except TaskFailed as error:
            raise Refusal(500, f"the sandbox couldn't finish this: {error}") from None
        note(request.scope, result=result.id)
        return OperationAnswer(data=[self._picture(result)])

    async def _perform(self, source: Image, task: str, arguments: dict[str, Any]) -> Image:
        objects, settings = self._sandbox.objects, self._sandbox.settings
        suffix = ".png" if settings.operation_format == "png" else ".jpg"
        part = objects.part(suffix)
        identifier = f"res_{uuid.uuid4().hex}"
        try:
            done = await self._sandbox.operation_lane.run(
                task,
                at_least_seconds=settings.operation_delay_seconds,
                source=str(objects.path(source.bucket, source.object)),
                target=str(part),
                **arguments,
            )
            objects.place(part, RESULTS, f"{identifier}{suffix}")
        finally:
            part.unlink(missing_ok=True)
        result = Image(identifier, RESULTS, f"{identifier}{suffix}", done.width, done.height)
        await run_in_threadpool(self._sandbox.records.add_image, result)
        return result

    def _store(self, file: UploadFile) -> Image:
        facts = self._facts(file)
        objects = self._sandbox.objects
        identifier = f"img_{uuid.uuid4().hex}"
        name = f"{identifier}{facts.suffix}"
        part = objects.part(facts.suffix)
        file.file.seek(0)
        try:
            with part.open("wb") as target:
                while piece := file.file.read(1024**2):
                    target.write(piece)
            objects.place(part, RESIZED, name)
        finally:
            part.unlink(missing_ok=True)
        image = Image(identifier, RESIZED, name, facts.width, facts.height)
        self._sandbox.records.add_image(image)
        return image

    def _facts(self, file: UploadFile) -> Facts:
        limit = self._sandbox.settings.upload_limit_bytes
        if file.size is not None and file.size > limit:
            raise Refusal(413, f"file: it has {file.size} bytes; at most {limit} are taken")
        try:
            return inspect(file.file, self._sandbox.settings.pixel_limit)
        except NotAPicture as error:
            raise Refusal(400, f"file: not a picture that is taken: {error}") from None

    def _picture(self, image: Image) -> Picture:
        url = self._sandbox.download_url(image.bucket, image.object)
        return Picture(id=image.id, imageUrl=url, width=image.width, height=image.height)


def the_file(form: FormData) -> UploadFile:
    """The one file of a form. Raises Refusal for anything else in it."""
    items = form.multi_items()
    unknown = sorted({name for name, _ in items if name not in FILE_FIELDS})
    if unknown:
        raise Refusal(400, f"unknown form field {', '.join(map(shown, unknown))}; this call knows file")
    if len(items) != 1:
        raise Refusal(400, f"file: the form must have exactly one, not {len(items)}")
    value = items[0][1]
    if not isinstance(value, UploadFile):
        raise Refusal(400, "file: it must be a file part, with a filename, and not a text field")
    return value
