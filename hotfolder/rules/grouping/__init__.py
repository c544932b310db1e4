"""Grouping of photos into bracket sets, with the evidence and the doubts about each set."""
