"""The API origin, as one FastAPI application: the calls of the reference's sections 2 and 3."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections.abc import Awaitable, Callable
from pathlib import PurePosixPath
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Security
from fastapi.security import APIKeyHeader
from pydantic.alias_generators import to_snake
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from hotfolder.sandbox.faults.exchange import Faults
from hotfolder.sandbox.faults.injector import Injector
from hotfolder.sandbox.imageworkers import TaskFailed, TaskRefused
from hotfolder.sandbox.objects import (
    RESIZED,
    RESULTS,
    UPLOADS,
    NotAPicture,
    check_picture,
    result_name,
    url_path,
)
from hotfolder.sandbox.projects import Group, Image
from hotfolder.sandbox.requestledger import Recorder, add_ids, route_of
from hotfolder.sandbox.schema import (
    OPERATIONS,
    PHOTOS_PER_GROUP,
    EmptyAnswer,
    EnhanceBody,
    ErrorAnswer,
    GroupAnswer,
    GroupBody,
    GroupStatus,
    ImageAnswer,
    Operation,
    OperationAnswer,
    PictureData,
    ProjectAnswer,
    ProjectBody,
    StatusAnswer,
    StrictBody,
    UploadUrlAnswer,
    UploadUrlBody,
)
from hotfolder.sandbox.state import Sandbox
from hotfolder.sandbox.strict import KEY_HEADER, Refusal, RequestChecks, install_error_handlers, quote_value

DESCRIPTION = """An offline stand-in for the Stager AI API, v1. It costs nothing; any printable key opens it.

Every refusal is a 4xx with `{"error": "..."}`. The images behind `uploadUrl` and `imageUrl` live on a second
origin, under signed URLs that expire.
"""


def create_app(sandbox: Sandbox, faults: Faults | None = None) -> FastAPI:
    """The application of the API origin. `faults` are injected before all checks, as on a network."""
    # `RequestChecks` checks the key; this only declares it in OpenAPI.
    key = APIKeyHeader(name=KEY_HEADER, auto_error=False)
    app = FastAPI(
        title="Stager AI API, sandbox",
        version="1",
        description=DESCRIPTION,
        dependencies=[Security(key)],
        redoc_url=None,
    )
    app.include_router(hdr_router(sandbox))
    app.include_router(images_router(sandbox))
    app.add_middleware(RequestChecks, settings=sandbox.settings)
    if faults is not None:
        app.add_middleware(Injector, origin="api", faults=faults)
    app.add_middleware(Recorder, ledger=sandbox.ledger, origin="api")
    install_error_handlers(app)
    return app


REFUSALS: dict[int | str, dict[str, Any]] = {key: {"model": ErrorAnswer} for key in (401, "4XX", 500)}
"""The OpenAPI responses with `{"error": ...}`. A 4XX also keeps FastAPI's own 422 out of the schema."""


def hdr_router(sandbox: Sandbox) -> APIRouter:
    router = APIRouter(tags=["HDR merge"])
    records = sandbox.records

    @router.post("/api/projects", responses=REFUSALS)
    async def create_project(body: ProjectBody, request: Request) -> ProjectAnswer:
        """Create a project."""
        identifier = records.add_project(body.title)
        add_ids(request.scope, project=identifier)
        return ProjectAnswer(id=identifier, title=body.title)

    @router.post("/api/hdr-image-group", responses=REFUSALS)
    async def create_group(body: GroupBody, request: Request) -> GroupAnswer:
        """Create a group for the photos that are to become one picture."""
        require_project(sandbox, body.projectId, request)
        options = (body.lensCorrection, body.perspectiveCorrection, body.photographerRemoval)
        identifier = records.add_group(body.projectId, *options)
        add_ids(request.scope, group=identifier)
        return GroupAnswer(groupId=identifier)

    @router.post("/api/hdr-upload-url", responses=REFUSALS)
    async def create_upload_url(body: UploadUrlBody, request: Request) -> UploadUrlAnswer:
        """Register a photo (at most seven a group) and get the signed URL that takes its bytes."""
        group = open_group(sandbox, body.projectId, body.groupId, request)
        expiry_seconds = sandbox.settings.put_expiry_seconds
        suffix = ".png" if PurePosixPath(body.filename).suffix.lower() == ".png" else ".jpg"
        added = records.add_photo(group.id, body.filename, suffix, PHOTOS_PER_GROUP)
        if added is None:
            full = f"{quote_value(group.id)} already has {PHOTOS_PER_GROUP} photos; more are not allowed"
            raise Refusal(400, f"groupId: {full}")
        add_ids(request.scope, photo=added.id)
        url = sandbox.signer.url("PUT", url_path(UPLOADS, added.object), expiry_seconds)
        return UploadUrlAnswer(id=added.id, uploadUrl=url)

    @router.post("/api/hdr-enhance", responses=REFUSALS)
    async def enhance(body: EnhanceBody, request: Request) -> EmptyAnswer:
        """Start the merge of a group. **Paid.** Once a group; answers at once."""
        group = open_group(sandbox, body.projectId, body.groupId, request)
        require_uploads(sandbox, group.id)
        if not records.ask_merge(group.id):
            raise merge_already_requested(group.id)
        sandbox.ledger.charge("/api/hdr-enhance", project=group.project, group=group.id)
        sandbox.merge_asked.set()
        return EmptyAnswer()

    @router.get("/api/hdr-image-group/{groupId}", responses=REFUSALS, response_model_exclude_none=True)
    async def group_status(groupId: str, request: Request) -> StatusAnswer:
        """How the merge stands. Each answer of a completed group carries a freshly signed `imageUrl`."""
        group = require_group(sandbox, groupId, request)
        url = None
        if group.status is GroupStatus.completed:
            url = sandbox.download_url(RESULTS, result_name(group.id))
        return StatusAnswer(status=group.status, imageUrl=url, error=group.error)

    return router


def require_project(sandbox: Sandbox, identifier: str, request: Request) -> None:
    if not sandbox.records.has_project(identifier):
        raise Refusal(404, f"projectId: there is no project {quote_value(identifier)}")
    add_ids(request.scope, project=identifier)


def require_group(sandbox: Sandbox, identifier: str, request: Request) -> Group:
    group = sandbox.records.group(identifier)
    if group is None:
        raise Refusal(404, f"groupId: there is no group {quote_value(identifier)}")
    add_ids(request.scope, project=group.project, group=group.id)
    return group


def open_group(sandbox: Sandbox, project: str, identifier: str, request: Request) -> Group:
    """The project's group. Raises Refusal where there is none, or its merge was started."""
    require_project(sandbox, project, request)
    group = require_group(sandbox, identifier, request)
    if group.project != project:
        raise Refusal(
            404, f"groupId: group {quote_value(identifier)} is not in project {quote_value(project)}"
        )
    if group.status is not GroupStatus.created:
        raise merge_already_requested(group.id)
    return group


def require_uploads(sandbox: Sandbox, group: str) -> None:
    """Raise Refusal unless each registered file name has an upload. To get a fresh URL, register it again."""
    photos = sandbox.records.photos(group)
    here = {photo.filename for photo in photos if sandbox.objects.exists(UPLOADS, photo.object)}
    if not here:
        raise Refusal(409, f"groupId: no photo of group {quote_value(group)} has been uploaded yet")
    waiting = sorted({photo.filename for photo in photos} - here)
    if waiting:
        names = ", ".join(quote_value(name) for name in waiting)
        raise Refusal(409, f"groupId: group {quote_value(group)} still waits for the upload of {names}")


def merge_already_requested(group: str) -> Refusal:
    return Refusal(409, f"groupId: the merge of group {quote_value(group)} has already been asked for")


FILE_FIELDS = ("file", "File")
FILE_FIELD = {
    "type": "string",
    "format": "binary",
    "description": "A JPEG or PNG. `File`, as the reference may mean, is taken as well.",
}
FORM_SCHEMA = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {"file": FILE_FIELD},
}
FORM = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM_SCHEMA}}}}


def images_router(sandbox: Sandbox) -> APIRouter:
    router = APIRouter(tags=["Staging and environment"])
    decoding = asyncio.Semaphore(2)

    @router.post("/api/image", responses=REFUSALS, openapi_extra=FORM)
    async def upload_image(request: Request) -> ImageAnswer:
        """Upload the image that is to be altered."""
        async with request.form(max_files=2, max_fields=8) as form:
            file = only_file(form)
            async with decoding:
                image = await run_in_threadpool(store_image, sandbox, file)
        sandbox.records.add_image(image)
        add_ids(request.scope, image=image.id)
        return ImageAnswer(data=picture_data(sandbox, image))

    for operation in OPERATIONS.values():
        router.add_api_route(
            operation.route,
            operation_endpoint(sandbox, operation),
            methods=["POST"],
            name=operation.task,
            description=operation.description,
            responses=REFUSALS,
        )
    return router


def operation_endpoint(sandbox: Sandbox, operation: Operation) -> Callable[..., Awaitable[OperationAnswer]]:
    """The endpoint function of an operation."""

    async def answered(imageId: str, body: StrictBody, request: Request) -> OperationAnswer:
        said = {to_snake(name): None if value == "" else value for name, value in body}
        return await perform_operation(sandbox, request, imageId, operation.task, **said)

    # FastAPI reads the body's type here.
    answered.__annotations__["body"] = operation.body
    return answered


async def perform_operation(
    sandbox: Sandbox, request: Request, identifier: str, task: str, **arguments: Any
) -> OperationAnswer:
    """Do a paid operation on an image. One that is refused as unsuitable (422) is refunded."""
    objects, settings = sandbox.objects, sandbox.settings
    source = sandbox.records.image(identifier)
    if source is None:
        raise Refusal(404, f"imageId: there is no image {quote_value(identifier)}")
    if source.bucket != RESIZED:
        raise Refusal(
            404, f"imageId: {quote_value(identifier)} is a result; upload it by POST /api/image first"
        )
    add_ids(request.scope, image=source.id)
    route = route_of(request.scope["path"])
    part, name = objects.part(".png"), f"res_{uuid.uuid4().hex}"
    arguments |= {"source": objects.path(source.bucket, source.object), "target": part}
    sandbox.ledger.charge(route, image=source.id)
    try:
        size = await sandbox.operations.run(task, settings.operation_delay_seconds, **arguments)
        objects.place(part, RESULTS, f"{name}.png")
    except TaskRefused as error:
        sandbox.ledger.refund(route, image=source.id)
        raise Refusal(422, str(error)) from None
    except TaskFailed as error:
        raise Refusal(500, f"the sandbox couldn't finish this: {error}") from None
    finally:
        part.unlink(missing_ok=True)
    result = Image(name, RESULTS, f"{name}.png", *size)
    sandbox.records.add_image(result)
    add_ids(request.scope, result=result.id)
    return OperationAnswer(data=[picture_data(sandbox, result)])


def store_image(sandbox: Sandbox, file: UploadFile) -> Image:
    """Store an uploaded image. Raises Refusal unless it is a picture that is accepted."""
    limit = sandbox.settings.upload_limit_bytes
    if file.size is not None and file.size > limit:
        raise Refusal(413, f"file: it has {file.size} bytes; at most {limit} are taken")
    try:
        suffix, size = check_picture(file.file, sandbox.settings.pixel_limit)
    except NotAPicture as error:
        raise Refusal(400, f"file: not a picture that is taken: {error}") from None
    identifier = f"img_{uuid.uuid4().hex}"
    image = Image(identifier, RESIZED, f"{identifier}{suffix}", *size)
    part = sandbox.objects.part(suffix)
    file.file.seek(0)
    try:
        with part.open("wb") as target:
            shutil.copyfileobj(file.file, target, 1024**2)
        sandbox.objects.place(part, RESIZED, image.object)
    finally:
        part.unlink(missing_ok=True)
    return image


def picture_data(sandbox: Sandbox, image: Image) -> PictureData:
    url = sandbox.download_url(image.bucket, image.object)
    return PictureData(id=image.id, imageUrl=url, width=image.width, height=image.height)


def only_file(form: FormData) -> UploadFile:
    """The one file of a form. Raises Refusal for anything else in it."""
    items = form.multi_items()
    unknown = sorted({name for name, _ in items if name not in FILE_FIELDS})
    if unknown:
        raise Refusal(400, f"unknown form field {', '.join(map(quote_value, unknown))}; this call knows file")
    if len(items) != 1:
        raise Refusal(400, f"file: the form must have exactly one, not {len(items)}")
    value = items[0][1]
    if not isinstance(value, UploadFile):
        raise Refusal(400, "file: it must be a file part, with a filename, and not a text field")
    return value
