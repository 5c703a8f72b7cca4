"""Pasted text, logs and silent runs to answers; start with ``doctor.triage.answer``."""
