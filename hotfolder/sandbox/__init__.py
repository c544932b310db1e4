"""An embedded stand-in of the Stager AI API, v1. Imports nothing of the rest of hotfolder.

    python -m hotfolder.sandbox --data sandbox-data    # API on 127.0.0.1:8801, pictures on 127.0.0.2:8801

It serves every call of the reference over real HTTP, is strict about all of them, really merges, and keeps
its state in a data folder, so that it can be stopped and started again at any time. Importing this package,
its `settings` and its `embedded` needs the standard library only; the rest needs the extra `sandbox`.

With a file of rules (`--faults`; see `docs/faults.md`) it goes wrong on purpose, and its ledger says how far
each such request came.

Where the reference is silent, this is what the sandbox does. None of it is known of the real API:

- *Key.* Any printable key without blanks is valid, unless one is required. Missing, blank or wrong: 401.
- *Refusals.* `{"error": "..."}`: 400 for a body that isn't right, 404 for an id that isn't known (also for a
  group of another project), 409 for a call that comes at the wrong time, 413 and 415 for size and kind of a
  body, 422 for a picture that can't be altered honestly, 500 when the work itself broke.
- *Required fields.* All that the reference shows, except `colorTypes` and `extraInstructions`. No null, no
  extras, no field twice.
- *File names* end in .jpg, .jpeg or .png. Raw formats and TIFF are not taken.
- *Seven photos* means seven registrations. One that never came stops counting when its upload URL has
  expired. A name may be registered again to get a fresh URL; a merge waits for every name once, and takes
  every photo that came.
- *A merge* is asked for once a group, also when it failed. A group that was never asked says
  `{"status": "created"}`, one whose merge failed `{"status": "failed", "error": "..."}`.
- *Paid* are hdr-enhance, stage, lawn-replace and sky-replace, once they are accepted. A 422 is not paid.
- *Signed URLs* open one method on one object; PUT for 15 minutes, GET for an hour. Each answer about a
  picture carries a fresh one. Expired: 400 ExpiredToken; wrong: 403. A PUT may be repeated while its URL
  lives; the last one stays.
- *Operations* take ids from POST /api/image, not the ids of results, and answer one picture, a PNG.
- *The multipart field* is called `file`; `File` is taken as well.
- *Nothing is ever deleted* from the data folder; delete it whole while the sandbox is stopped.
"""
