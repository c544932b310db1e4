"""Section 2 of the reference: projects, groups, upload URLs, merges."""

from __future__ import annotations

import time
from pathlib import PurePosixPath
from typing import Any

from fastapi import APIRouter, Request

from hotfolder.sandbox.answers import (
    EmptyAnswer,
    ErrorAnswer,
    GroupAnswer,
    ProjectAnswer,
    StatusAnswer,
    UploadUrlAnswer,
)
from hotfolder.sandbox.bodies import PHOTOS_PER_GROUP, EnhanceBody, GroupBody, ProjectBody, UploadUrlBody
from hotfolder.sandbox.ledger import note
from hotfolder.sandbox.merging import Merging, result_name
from hotfolder.sandbox.objects import RESULTS, UPLOADS, url_path
from hotfolder.sandbox.parsing import StrictRoute
from hotfolder.sandbox.records import Group, Photo
from hotfolder.sandbox.refusals import Refusal, shown
from hotfolder.sandbox.state import Sandbox
from hotfolder.sandbox.vocabulary import GroupStatus


def refusing(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How OpenAPI is told that a call may answer `{"error": ...}` with these statuses."""
    return {status: {"model": ErrorAnswer} for status in statuses}


def hdr_router(sandbox: Sandbox, merging: Merging) -> APIRouter:
    router = APIRouter(tags=["HDR merge"], route_class=StrictRoute)
    calls = HdrCalls(sandbox, merging)

    @router.post("/api/projects", responses=refusing(400, 401, 413, 415))
    def create_project(body: ProjectBody, request: Request) -> ProjectAnswer:
        """Create a project."""
        return calls.create_project(body, request)

    @router.post("/api/hdr-image-group", responses=refusing(400, 401, 404, 413, 415))
    def create_group(body: GroupBody, request: Request) -> GroupAnswer:
        """Create a group for the photos that are to become one picture."""
        return calls.create_group(body, request)

    @router.post("/api/hdr-upload-url", responses=refusing(400, 401, 404, 409, 413, 415))
    def create_upload_url(body: UploadUrlBody, request: Request) -> UploadUrlAnswer:
        """Register a photo (at most seven a group) and get the signed URL that takes its bytes."""
        return calls.create_upload_url(body, request)

    @router.post("/api/hdr-enhance", responses=refusing(400, 401, 404, 409, 413, 415))
    def enhance(body: EnhanceBody, request: Request) -> EmptyAnswer:
        """Start the merge of a group. **Paid.** Once a group; answers at once."""
        return calls.enhance(body, request)

    @router.get(
        "/api/hdr-image-group/{groupId}",
        responses=refusing(401, 404),
        response_model_exclude_none=True,
    )
    def group_status(groupId: str, request: Request) -> StatusAnswer:
        """How the merge stands. Each answer of a completed group carries a freshly signed `imageUrl`."""
        return calls.status(groupId, request)

    return router


class HdrCalls:
    def __init__(self, sandbox: Sandbox, merging: Merging) -> None:
        self._sandbox = sandbox
        self._records = sandbox.records
        self._merging = merging

    def create_project(self, body: ProjectBody, request: Request) -> ProjectAnswer:
        identifier = self._records.add_project(body.title)
        note(request.scope, project=identifier)
        return ProjectAnswer(id=identifier, title=body.title)

    def create_group(self, body: GroupBody, request: Request) -> GroupAnswer:
        self._project(body.projectId, request)
        identifier = self._records.add_group(
            body.projectId,
            lens=body.lensCorrection,
            perspective=body.perspectiveCorrection,
            photographer=body.photographerRemoval,
        )
        note(request.scope, group=identifier)
        return GroupAnswer(groupId=identifier)

    def create_upload_url(self, body: UploadUrlBody, request: Request) -> UploadUrlAnswer:
        group = self._group_in(body.projectId, body.groupId, request)
        self._must_be_open(group)
        for photo in self._lapsed(group.id):
            self._records.forget_photo(photo.id)
        expiry_seconds = self._sandbox.settings.put_expiry_seconds
        suffix = ".png" if PurePosixPath(body.filename).suffix.lower() == ".png" else ".jpg"
        added = self._records.add_photo(
            group.id, body.filename, suffix, time.time() + expiry_seconds, PHOTOS_PER_GROUP
        )
        if added is None:
            raise Refusal(
                400,
                f"groupId: {shown(group.id)} already has {PHOTOS_PER_GROUP} photos; more are not allowed",
            )
        note(request.scope, photo=added.id)
        url = self._sandbox.signer.url("PUT", url_path(UPLOADS, added.object), expiry_seconds)
        return UploadUrlAnswer(id=added.id, uploadUrl=url)

    def enhance(self, body: EnhanceBody, request: Request) -> EmptyAnswer:
        group = self._group_in(body.projectId, body.groupId, request)
        self._must_be_open(group)
        self._must_be_uploaded(group.id)
        if not self._records.ask_merge(group.id):
            raise _asked_before(group.id)
        self._sandbox.ledger.charge("/api/hdr-enhance", project=group.project, group=group.id)
        self._merging.wake()
        return EmptyAnswer()

    def status(self, identifier: str, request: Request) -> StatusAnswer:
        group = self._group(identifier, request)
        if group.status is GroupStatus.completed:
            url = self._sandbox.download_url(RESULTS, result_name(group.id))
            return StatusAnswer(status=group.status, imageUrl=url)
        return StatusAnswer(status=group.status, error=group.error)

    def _project(self, identifier: str, request: Request) -> None:
        if not self._records.has_project(identifier):
            raise Refusal(404, f"projectId: there is no project {shown(identifier)}")
        note(request.scope, project=identifier)

    def _group(self, identifier: str, request: Request) -> Group:
        group = self._records.group(identifier)
        if group is None:
            raise Refusal(404, f"groupId: there is no group {shown(identifier)}")
        note(request.scope, project=group.project, group=group.id)
        return group

    def _group_in(self, project: str, identifier: str, request: Request) -> Group:
        self._project(project, request)
        group = self._group(identifier, request)
        if group.project != project:
            raise Refusal(404, f"groupId: group {shown(identifier)} is not in project {shown(project)}")
        return group

    def _must_be_open(self, group: Group) -> None:
        if group.status is not GroupStatus.created:
            raise _asked_before(group.id)

    def _must_be_uploaded(self, group: str) -> None:
        """Every registered file name must have come; a fresh URL is had by registering a name again."""
        lapsed = self._lapsed(group)
        photos = [photo for photo in self._records.photos(group) if photo not in lapsed]
        here = {photo.filename for photo in photos if self._is_here(photo)}
        if not here:
            raise Refusal(409, f"groupId: no photo of group {shown(group)} has been uploaded yet")
        waiting = sorted({photo.filename for photo in photos} - here)
        if waiting:
            names = ", ".join(shown(name) for name in waiting)
            raise Refusal(409, f"groupId: group {shown(group)} still waits for the upload of {names}")

    def _lapsed(self, group: str) -> list[Photo]:
        """Photos that never came and can't come any more."""
        now = time.time()
        photos = self._records.photos(group)
        return [photo for photo in photos if photo.url_expires_at < now and not self._is_here(photo)]

    def _is_here(self, photo: Photo) -> bool:
        return self._sandbox.objects.exists(UPLOADS, photo.object)


def _asked_before(group: str) -> Refusal:
    return Refusal(409, f"groupId: the merge of group {shown(group)} has already been asked for")
