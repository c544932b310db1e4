"""Faults on purpose: what a file of rules says goes wrong really goes wrong on the wire.

A rule names an endpoint, a fault, and which requests are hit. Without a file of faults nothing here is used.
"""
