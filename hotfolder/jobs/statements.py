"""What the store and the ledger ask for, prepared once: see `rows`."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, func, or_, select
from sqlmodel import col

from hotfolder.jobs.prepared import Prepared
from hotfolder.jobs.rows import BULLETINS, CALLS, FILES, JOBS, MOMENTS, PICTURES, RESULTS
from hotfolder.jobs.states import NEEDS_PERSON, State
from hotfolder.jobs.tables import HOLDS_KEY, Bulletin, Call, FileRole, Job, JobFile, Moment, Picture, Result

OLDEST_FIRST = (col(Job.created_at), col(Job.id))
NEWEST_FIRST = col(Job.created_at).desc()

WITH_IDS = JOBS.where(col(Job.id).in_(bindparam("ids", expanding=True)))
IN_STATES = JOBS.where(col(Job.state).in_(bindparam("states", expanding=True)))
IN_STATES_OLDEST = IN_STATES.order_by(*OLDEST_FIRST)
IN_STATES_NEWEST = IN_STATES.order_by(NEWEST_FIRST, col(Job.id)).limit(bindparam("most"))
STATES = select(col(Job.state), func.count()).group_by(col(Job.state))

IN_PROJECT = and_(col(Job.inbox) == bindparam("inbox"), col(Job.project) == bindparam("project"))
NOT_WITHDRAWN = col(Job.state) != State.WITHDRAWN
NEWEST_OF_FOLDER = Prepared(
    JOBS.where(IN_PROJECT, col(Job.folder) == bindparam("folder"), NOT_WITHDRAWN)
    .order_by(NEWEST_FIRST)
    .limit(1)
)
ROOMS_OF_PROJECT = Prepared(select(col(Job.room)).where(IN_PROJECT, NOT_WITHDRAWN).distinct())
OF_SCOPE = and_(col(Job.scope) == bindparam("scope"), col(Job.scope) != "")
NEWEST_OF_SCOPE = Prepared(JOBS.where(OF_SCOPE).order_by(NEWEST_FIRST).limit(1))
NEEDING_PERSON = JOBS.where(col(Job.state).in_(list(NEEDS_PERSON)), or_(IN_PROJECT, OF_SCOPE))

PROJECTS = Prepared(select(col(Job.project)).distinct())
ROOMS_EVERYWHERE = (  # not whole jobs: it is asked for every set, and a project may have thousands
    select(col(Job.id), col(Job.inbox), col(Job.folder), col(Job.room), col(Job.state))
    .where(col(Job.project) == bindparam("project"))
    .order_by(col(Job.created_at))
)
ROOMS_AS_BEGUN = (
    select(col(Job.room))
    .join(Moment, col(Moment.job_id) == col(Job.id))
    .where(col(Job.project) == bindparam("project"))
    .group_by(col(Job.room))
    .order_by(func.min(col(Moment.id)))
)
FOLDERS_OF_PROJECTS = select(col(Job.filed_as)).where(
    col(Job.project).in_(bindparam("projects", expanding=True)),
    col(Job.state) != State.SUPERSEDED,  # one that was dropped again has left its folder
)

OF_JOB = FILES.where(col(JobFile.job_id) == bindparam("job_id")).order_by(col(JobFile.position))
FILES_OF_JOB = Prepared(OF_JOB)
PHOTOS_OF_JOBS = FILES.where(
    col(JobFile.role) == FileRole.PHOTO, col(JobFile.job_id).in_(bindparam("jobs", expanding=True))
)
PHOTOS_OF_JOB = Prepared(OF_JOB.where(col(JobFile.role) == FileRole.PHOTO))
DELIVERED = select(col(Picture.job_id)).where(col(Picture.job_id).in_(bindparam("jobs", expanding=True)))
PICTURES_OF_JOB = Prepared(PICTURES.where(col(Picture.job_id) == bindparam("job_id")))
STORY_OF_JOB = MOMENTS.where(col(Moment.job_id) == bindparam("job_id")).order_by(col(Moment.id))
CALLS_OF_JOB = Prepared(CALLS.where(col(Call.job_id) == bindparam("job_id")).order_by(col(Call.id)))
BULLETINS_NAMED = BULLETINS.where(col(Bulletin.name).in_(bindparam("names", expanding=True)))

ALL_CALLS = CALLS.where().order_by(col(Call.id))
HOLDER = Prepared(CALLS.where(col(Call.key) == bindparam("key"), HOLDS_KEY))
RESULTS_OF_CALL = Prepared(
    RESULTS.where(col(Result.call_id) == bindparam("call")).order_by(col(Result.position))
)
