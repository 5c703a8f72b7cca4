"""The package index server for the tests of this room."""

from wheelhouse import server

__all__ = ["server"]
