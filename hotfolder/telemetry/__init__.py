"""What a running daemon tells people and machines about itself."""

from __future__ import annotations
