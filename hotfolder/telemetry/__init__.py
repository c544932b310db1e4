"""What a running daemon reports about itself: status, notifications, metrics, health."""

from __future__ import annotations
