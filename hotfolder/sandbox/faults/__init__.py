"""Fault injection: the faults that a file of rules describes really happen on the wire.

A rule names an endpoint, a fault, and which requests it hits. Without a file of faults nothing here is used.
"""

from __future__ import annotations

# Importing them registers their faults.
from hotfolder.sandbox.faults import bodies, connections

__all__ = ["bodies", "connections"]
