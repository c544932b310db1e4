"""What the decoder and its worker agree on. Requests and answers are JSON, one a line."""

from __future__ import annotations

GREETING = b"ready\n"
"""The worker's first line, once it can take requests: before it, a death says nothing of a picture."""
