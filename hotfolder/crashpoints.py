"""Crash points: durable steps after which tests end the process, to see that no work is lost or repeated."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class DurableStep(StrEnum):
    """A durable step. The code calls `passed` when it is done."""

    def passed(self) -> None:
        """Call the hook, which does nothing except in tests."""
        hook(self)


class CrashPoint(DurableStep):
    """Those of a job, in their order."""

    JOB_CREATED = "job_created"
    PROJECT_CREATED = "project_created"
    PROJECT_REMEMBERED = "project_remembered"
    GROUP_CREATED = "group_created"
    PHOTO_UPLOADED = "photo_uploaded"
    GROUP_COMPLETE = "group_complete"
    INTENT_RECORDED = "intent_recorded"
    ANSWER_RECEIVED = "answer_received"
    ANSWER_IN_JOURNAL = "answer_in_journal"
    ANSWER_RECORDED = "answer_recorded"
    IMAGE_UPLOADED = "image_uploaded"
    RESULT_DOWNLOADED = "result_downloaded"
    RESULT_KEPT = "result_kept"
    RESULTS_RECORDED = "results_recorded"
    NAME_TAKEN = "name_taken"
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


class HandStep(DurableStep):
    """Those of a set's way back."""

    FILE_GATHERED = "file_gathered"
    NEIGHBOUR_GATHERED = "neighbour_gathered"
    SOURCE_REMOVED = "source_removed"
    OUTCOME_RECORDED = "outcome_recorded"
    SET_BACK = "set_back"


class MoveStep(DurableStep):
    """Those of a store's move to a server."""

    TABLE_COPIED = "table_copied"
    STORE_COPIED = "store_copied"
    FILE_MARKED = "file_marked"
    STORE_RELEASED = "store_released"


def no_crash(_step: DurableStep) -> None:
    """The default hook."""


hook: Callable[[DurableStep], None] = no_crash
"""Called after each durable step. Tests replace it by one that may end the process."""
