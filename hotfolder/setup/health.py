"""The image's health check, a script: exit code 0 while all is well, else why not, for `docker inspect`.

Standard library only: it runs every 30 seconds.
"""

from __future__ import annotations

import http.client
import json
import os
import sys

PATIENCE_SECONDS = 4
PORT = 9100


def trouble(port: int) -> str:
    """Why hotfolder, whose pages are at this port of the loopback, can't be called ready; "" if it can."""
    # Not by urllib, which obeys a proxy in the environment, and that proxy would be asked for its own
    # loopback. Docker can put one into every container's.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return f"hotfolder doesn't answer at port {port}: {error}"
    finally:
        connection.close()
    if answer.status == http.HTTPStatus.OK:
        return ""
    try:
        return "\n".join(json.loads(text)["reasons"])
    except (ValueError, KeyError, TypeError):
        return f"Port {port} answers {answer.status}."


if __name__ == "__main__":
    sys.exit(trouble(int(os.environ.get("HOTFOLDER_WEB__PORT") or PORT)) or 0)
