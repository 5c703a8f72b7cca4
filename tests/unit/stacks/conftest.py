"""The server of wheels."""

from wheelhouse import server

__all__ = ["server"]
