"""An embedded stand-in for the Stager AI API, v1. Imports nothing of the rest of hotfolder.

    python -m hotfolder.sandbox --data sandbox-data    # API on 127.0.0.1:8801, pictures on 127.0.0.2:8801

It serves every call of the reference over real HTTP, is strict about all of them, really merges, and keeps
its state in a data folder, so that it can be stopped and started again at any time. Importing this package,
its `settings` and its `embedded` needs the standard library only; the rest needs the extra `sandbox`.

With a file of rules (`--faults`; see `docs/faults.md`) it injects faults, and its ledger says how far each
such request was processed.

Where the reference is silent, the sandbox does the following. None of it is known of the real API:

- *Key.* Any printable key without blanks is valid, unless one is required. Missing, blank or wrong: 401.
- *Refusals.* `{"error": "..."}`: 400 for an invalid body, 404 for an unknown id (also for a group of another
  project), 409 for a call in the wrong state, 413 and 415 for size and content type of a body, 422 for a
  picture that can't be edited honestly, 500 when the work itself failed.
- *Required fields.* All that the reference shows, except `colorTypes` and `extraInstructions`. No null, no
  extras.
- *File names* end in .jpg, .jpeg or .png. Raw formats and TIFF are not accepted.
- *Seven photos* means seven registrations. A name may be registered again to get a fresh URL; a merge needs
  one upload for every name, and uses every photo that was uploaded.
- *A merge* is started once for each group, even if it fails. Before that the group's status is
  `{"status": "created"}`; after a failed merge it is `{"status": "failed", "error": "..."}`.
- *Paid* are hdr-enhance and every operation (`OPERATIONS` in `schema.py`), once accepted. A 422 is not paid.
- *Signed URLs* allow one method on one object; PUT for 15 minutes, GET for an hour. Each answer about a
  picture has a fresh one. Expired: 400 ExpiredToken; wrong: 403. A PUT may be repeated while its URL is
  valid; the last one wins.
- *Operations* take ids from POST /api/image, not the ids of results, and return one picture, a PNG.
- *The multipart field* is called `file`; `File` is accepted as well.
- *Nothing is ever deleted* from the data folder; delete it whole while the sandbox is stopped.
"""
