"""Reading a file of this machine as if no other process had it open, copies of this one (``fork``) included."""

from __future__ import annotations

import io
import os
from pathlib import Path


class OwnPosition(io.RawIOBase):
    """A file of this machine whose position copies of this process (``fork``) do not share, as they do by default."""

    def __init__(self, path: Path) -> None:
        """Open it for reading; raises ``OSError``."""
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._position = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position}.get(whence)
        self._position = max(0, offset + (os.fstat(self._file.fileno()).st_size if base is None else base))
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill from the position on."""
        if hasattr(os, "preadv"):
            count = os.preadv(self._file.fileno(), [buffer], self._position)
        else:  # where there is no fork either
            self._file.seek(self._position)
            count = self._file.readinto(buffer) or 0
        self._position += count
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
