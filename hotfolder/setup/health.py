"""The image's health check, a script: exit code 0 if hotfolder is ready, else 1 and the reasons.

Docker shows the reasons (`docker inspect`). Standard library only, to start fast: it runs every 30 seconds.
"""

from __future__ import annotations

import http.client
import json
import os
import sys

TIMEOUT_SECONDS = 4
PORT = 9100


def why_not_ready(port: int) -> str:
    """Why hotfolder, whose pages are at this port of the loopback, isn't ready; "" if it is."""
    # Not urllib, which uses a proxy from the environment, where Docker can put one: the proxy would connect
    # to its own loopback.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
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
    sys.exit(why_not_ready(int(os.environ.get("HOTFOLDER_WEB__PORT") or PORT)) or 0)
