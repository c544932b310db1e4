"""Faults on purpose: what a file of rules says goes wrong really goes wrong on the wire.

A rule names an endpoint, a fault, and which requests are hit. Without a file of faults nothing here is used.
"""

from __future__ import annotations

# Importing them makes their faults known.
from hotfolder.sandbox.faults import bodies, connections

__all__ = ["bodies", "connections"]
