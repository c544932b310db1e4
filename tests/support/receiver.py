"""Receivers of what a daemon tells: a web server for notifications, and a socket in place of systemd's."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "hunter2hunter2"


class Receiver(ThreadingHTTPServer):
    """Keeps the messages that it gets. It answers `status` after `delay_seconds`; with `endless`, an answer
    that never ends."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.got: list[dict[str, str]] = []
        self.status = 200
        self.delay_seconds = 0.0
        self.endless = False
        super().__init__(("127.0.0.1", 0), Answering)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.server_port}/{SECRET}"

    def bodies(self) -> list[str]:
        return [one["message"] for one in self.got]


class Answering(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(self.server.delay_seconds)
        if self.server.status == 200:
            self.server.got.append(body)
        self.send_response(self.server.status)
        self.end_headers()
        with suppress(OSError):
            while self.server.endless:
                self.wfile.write(b".")
                time.sleep(0.05)

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing."""


class Manager:
    """A socket in place of systemd's. `address` is a path, or `@` and an abstract name."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        """All messages so far."""
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages
