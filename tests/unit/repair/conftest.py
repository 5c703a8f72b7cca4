import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from wheelhouse import server  # noqa: E402

__all__ = ["server"]
