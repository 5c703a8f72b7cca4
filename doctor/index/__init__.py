"""The package index: versions, upload times, wheels' metadata and members; polite, cached, offline-aware.

Start with ``open_index``; see ``doctor.index.index.Index``.
"""
