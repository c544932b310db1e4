"""Settings with a wrong name, type or size, and folders in each other's way.

Each row: what the file holds, then exactly what is said about it, one message for each problem.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

SETTINGS = (
    "root, inbox, inboxes, done, failed, archive, state, api, settle, limits, schedule, prices, deliver,"
    " keep, web, notify, log, hdr, single_photo, tags, routes"
)
KEY = (
    "the API key doesn't belong in this file; put it into the environment variable STAGER_API_KEY, or"
    " alone into a file of its own and name that file with api.key_file"
)

WRONG: dict[str, tuple[str | bytes, *tuple[str, ...]]] = {
    "settings in the wrong place": (
        "root: .\nquiet_seconds: 5\nsettle:\n  scan_seconds: 5\n  routes:\n    - name: a\n",
        'config.yaml:2:1: unknown setting "quiet_seconds"; it belongs in settle',
        'config.yaml:5:3: unknown setting "routes"; it belongs beside settle, not in it;'
        " check the indentation",
    ),
    "typo in an empty section": (
        "root: .\nsettel:\nlog:\n  levl:\n",
        'config.yaml:2:1: unknown setting "settel"; did you mean "settle"? Allowed: ' + SETTINGS,
        'config.yaml:4:3: unknown setting "levl"; did you mean "level"? Allowed: level, format',
    ),
    "typo in a section": (
        "root: .\nsettel:\n  quiet_seconds: 5\n",
        'config.yaml:2:1: unknown setting "settel"; did you mean "settle"? Allowed: ' + SETTINGS,
    ),
    "typo in a setting": (
        "root: .\nsettle:\n  quiet_second: 5\n",
        'config.yaml:3:3: unknown setting "quiet_second"; did you mean "quiet_seconds"? '
        "Allowed: quiet_seconds, give_up_seconds, scan_seconds",
    ),
    "hours that are none": (
        'root: .\nschedule:\n  active: "22-6"\n',
        'config.yaml:3:11: "22-6" is no span of hours; write it like "22:00-06:00"',
    ),
    "hours that no clock shows": (
        'root: .\nschedule:\n  active: ["22:00-25:00"]\n',
        'config.yaml:3:11: "22:00-25:00" has a time that no clock shows',
    ),
    "a rate that is none": (
        "root: .\nlimits:\n  upload_rate: fast\n",
        'config.yaml:3:16: "fast" is no rate; write bytes in a second, or such as 500KB/s or 5MB/s',
    ),
    "text for a number": (
        "root: .\nsettle:\n  quiet_seconds: soon\n",
        'config.yaml:3:18: settle.quiet_seconds must be a number, not "soon"',
    ),
    "number in quotes": (
        'root: .\nsettle:\n  quiet_seconds: "5"\n',
        'config.yaml:3:18: settle.quiet_seconds must be a number, not "5"',
    ),
    "too small": (
        "root: .\nsettle:\n  quiet_seconds: 0\n",
        "config.yaml:3:18: settle.quiet_seconds must be at least 0.2, not 0",
    ),
    "too large a number": (
        "root: .\nlimits:\n  uploads: 1000\n",
        "config.yaml:3:12: limits.uploads must be at most 64, not 1000",
    ),
    "fraction for a whole number": (
        "root: .\nlimits:\n  merges: 2.5\n",
        "config.yaml:3:11: limits.merges must be a whole number, not 2.5",
    ),
    "section as text": (
        "root: .\napi: https://api.stagerai.com\n",
        "config.yaml:2:6: api must be a group of settings, each indented in a line of its own,"
        " with a space after its colon",
    ),
    "folder as number": (
        "root: .\ninbox: 2024\n",
        "config.yaml:2:8: inbox must be text, not 2024; put it in quotes",
    ),
    "log level": (
        "root: .\nlog:\n  level: verbose\n",
        'config.yaml:3:10: unknown log level "verbose". Allowed: debug, info, warning, error',
    ),
    "truth": (
        "root: .\nhdr:\n  lensCorrection: maybe\n",
        'config.yaml:3:19: hdr.lensCorrection must be true or false, not "maybe"',
    ),
    "key in the file": (
        "root: .\napi:\n  key: sk-secret-4711\n",
        "config.yaml:3:3: " + KEY,
    ),
    "key at the top": (
        "root: .\napi_key: sk-secret-4711\n",
        "config.yaml:2:1: " + KEY,
    ),
    "plain http": (
        "root: .\napi:\n  base_url: http://api.stagerai.com\n",
        'config.yaml:3:13: base_url "http://api.stagerai.com" must start with https://, or '
        "the key would travel readable; http:// is for this machine alone",
    ),
    "password in the address": (
        "root: .\napi:\n  base_url: https://me:sk-secret-4711@api.stagerai.com\n",
        "config.yaml:3:13: base_url must not hold a user name or password",
    ),
    "address with a path": (
        "root: .\napi:\n  base_url: https://api.stagerai.com/v1\n",
        'config.yaml:3:13: base_url "https://api.stagerai.com/v1" must end after the host and'
        " port, without a path",
    ),
    "a proxy that is none": (
        "root: .\napi:\n  proxy: socks5://me:sk-secret-4711@proxy.example:1080\n",
        "config.yaml:3:10: proxy is no address of a proxy; write it like http://proxy.example:3128",
    ),
    "storage host as address": (
        "root: .\napi:\n  storage_hosts: [https://storage.googleapis.com/x]\n",
        'config.yaml:3:19: "https://storage.googleapis.com/x" is no storage host; write a '
        "name like storage.googleapis.com, with or without a port",
    ),
    "inbox inside done": (
        "root: .\ninbox: done/in\n",
        'config.yaml:2:8: inbox ("done/in") lies inside done ("done"); each needs a place of its own',
    ),
    "failed is done": (
        "root: .\ndone: out\nfailed: out/\n",
        'config.yaml:3:9: done ("out") and failed ("out/") are the same folder; each needs a '
        "place of its own",
    ),
    "everything in the root": (
        "root: .\nstate: .\n",
        'config.yaml:2:8: done ("done") lies inside state ("."); each needs a place of its own',
        'config.yaml:2:8: failed ("failed") lies inside state ("."); each needs a place of its own',
        'config.yaml:2:8: inbox ("inbox") lies inside state ("."); each needs a place of its own',
    ),
    "archive inside done": (
        "root: .\narchive: done/archive\n",
        'config.yaml:2:10: archive ("done/archive") lies inside done ("done"); each needs a place of its own',
    ),
    "an archive that is not named": (
        "root: .\nroutes:\n  - name: a\n    deliver:\n      originals: archive\n",
        "config.yaml:5:18: originals are to be archived, and no folder `archive` is named; name it beside"
        " `done`",
    ),
    "inbox and inboxes": (
        "root: .\ninbox: in\ninboxes:\n  - path: a\n",
        "config.yaml:3:1: inbox and inboxes are both given; keep one of them",
    ),
    "same inbox twice": (
        "root: .\ninboxes:\n  - path: a\n  - path: ./a\n    name: other\n",
        'config.yaml:4:11: the inbox "a" and the inbox "./a" are the same folder; each needs '
        "a place of its own",
    ),
    "inbox names alike": (
        "root: .\ninboxes:\n  - path: a\n    name: Anna\n  - path: b\n    name: anna\n",
        'config.yaml:6:11: two inboxes are called "anna"; give one of them another name',
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_is_said_what_is_wrong_and_where(
    name: str, problems_of: Callable[[str | bytes], list[str]]
) -> None:
    """A wrong file gives exactly the messages of the table, in the order of their positions."""
    content, *expected = WRONG[name]
    assert problems_of(content) == expected
