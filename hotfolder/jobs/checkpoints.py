"""The durable steps of a job, by name: where a crash is worth trying."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Checkpoint(StrEnum):
    JOB_CREATED = "job_created"
    PROJECT_CREATED = "project_created"
    PROJECT_REMEMBERED = "project_remembered"
    GROUP_CREATED = "group_created"
    PHOTO_UPLOADED = "photo_uploaded"
    GROUP_COMPLETE = "group_complete"
    INTENT_RECORDED = "intent_recorded"
    ANSWER_RECEIVED = "answer_received"
    ANSWER_RECORDED = "answer_recorded"
    IMAGE_UPLOADED = "image_uploaded"
    RESULT_DOWNLOADED = "result_downloaded"
    RESULT_KEPT = "result_kept"
    RESULTS_RECORDED = "results_recorded"
    PICTURE_PLACED = "picture_placed"
    PICTURES_RECORDED = "pictures_recorded"
    RECEIPT_WRITTEN = "receipt_written"
    RECEIPT_RECORDED = "receipt_recorded"
    RESULTS_VERIFIED = "results_verified"
    DELETION_RECORDED = "deletion_recorded"
    ORIGINAL_DELETED = "original_deleted"
    FOLDER_RESERVED = "folder_reserved"
    ORIGINAL_MOVED = "original_moved"
    RECEIPT_COMPLETED = "receipt_completed"
    REASON_WRITTEN = "reason_written"
    JOB_ENDED = "job_ended"


Passing = Callable[[Checkpoint], None]
"""Called when a checkpoint is passed. May end the process; a service does nothing here."""


def pass_by(_checkpoint: Checkpoint) -> None:
    """What a service does at a checkpoint."""
