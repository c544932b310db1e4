"""A server that writes down every byte it is sent, and answers with one picture."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class RawServer:
    """A `with` block. `heads` are the requests that came, as they were on the wire."""

    def __init__(self, body: bytes = b"") -> None:
        self.heads: list[bytes] = []
        self._body = body
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with connection, suppress(OSError):
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        head = b""
        while b"\r\n\r\n" not in head and (piece := connection.recv(65536)):
            head += piece
        self.heads.append(head)
        length = len(self._body)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nConnection: close\r\n"
            + b"Content-Length: %d\r\n\r\n" % length
            + self._body
        )
