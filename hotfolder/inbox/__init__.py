"""Detection of dropped files, and their settling into bracket sets."""
