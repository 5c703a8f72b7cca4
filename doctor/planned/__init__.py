"""Environments that do not exist yet, as values: what a target's wheels would put where, and what would be found there.

Repair proves its plans on them, drift and compat examine resolutions without installing one.
"""
