"""The one place of ports, paths and grace periods, and the files generated from them: the unit, the compose
file, a template for Unraid and an app for TrueNAS.

`python -m hotfolder.setup.deployment` in a checkout regenerates those that are kept there.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

from hotfolder.config.settings import PAGE_PORT
from hotfolder.config.yamlfile import INSTALLED

USER = "hotfolder"
ROOT = Path("/srv/photos")
CONFIG = INSTALLED
KEY = Path("/etc/hotfolder/key")
STATE_HOME = Path("/var/lib")
STATE = STATE_HOME / "hotfolder"
PROGRAM = Path("/opt/hotfolder/bin/hotfolder")

DATA_VOLUME, STATE_VOLUME = Path("/data"), Path("/state")
"""In a container: root, and state."""
SECRET = Path("/run/secrets/stager_api_key")
CONTAINER_ID = 1000
"""The default user and group of a container."""

STOP_SECONDS = 960
"""The grace period before a kill: longer than the longest paid call."""
START_SECONDS = 300
WATCHDOG_SECONDS = 120

UNIT = "hotfolder.service"
COMPOSE = "compose.yaml"
GENERATED_IN_CHECKOUT = {
    UNIT: f"systemd/{UNIT}",
    COMPOSE: f"docs/{COMPOSE}",
    "unraid.xml": "docs/unraid.xml",
    "truenas.yaml": "docs/truenas.yaml",
}

VALUES: Mapping[str, object] = {
    "user": USER,
    "root": ROOT,
    "config": CONFIG,
    "key": KEY,
    "state": STATE,
    "state_name": STATE.name,
    "program": PROGRAM,
    "data": DATA_VOLUME,
    "kept": STATE_VOLUME,
    "secret": SECRET,
    "uid": CONTAINER_ID,
    "gid": CONTAINER_ID,
    "stop_seconds": STOP_SECONDS,
    "stop_minutes": STOP_SECONDS // 60,
    "start_seconds": START_SECONDS,
    "watchdog_seconds": WATCHDOG_SECONDS,
    "page_port": PAGE_PORT,
    "zone": "Europe/Berlin",
    "truenas_root": "/mnt/tank/photos",
    "truenas_id": 568,
    "unraid_root": "/mnt/user/photos",
    "unraid_state": "/mnt/user/appdata/hotfolder",
    "unraid_user": 99,
    "unraid_group": 100,
}


def generated_text(name: str, **changes: object) -> str:
    """The generated text of the file `name`; `changes` override VALUES."""
    template = (files("hotfolder.setup") / "templates" / name).read_text(encoding="utf-8")
    return Template(template).substitute({**VALUES, **changes})


def main() -> None:
    for name, path in GENERATED_IN_CHECKOUT.items():
        Path(path).write_text(generated_text(name), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
