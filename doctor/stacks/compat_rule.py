"""From a table to the words of a rule: which ranges must not hold together, and not a version more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from doctor.stacks.compat import Cell, Comparison, Fate

Pair = Callable[[str], tuple[str, str]]
"""A version of one side as the key of a cell."""

BROKEN = (Fate.BREAKS, Fate.PARTLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """One block of broken cells: the two requirements, and a cell of it as the example.

    ``open_left`` and ``open_right``: the block ends where the table ends, so that more may be broken.
    """

    left: str
    right: str
    example: Cell
    open_ends: tuple[str, ...] = ()


def refine(table: Comparison, lefts: Sequence[str], rights: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Look at versions that the table leaves out between a working and a broken one; returns the longer axes."""
    left_axis, right_axis = set(lefts), set(rights)
    for left in lefts:
        right_axis.update(_edges(table, table.all_versions(table.right), rights, _Row(left)))
    for right in rights:
        left_axis.update(_edges(table, table.all_versions(table.left), lefts, _Column(right)))
    order_left, order_right = table.all_versions(table.left), table.all_versions(table.right)
    return (
        tuple(v for v in order_left if v in left_axis),
        tuple(v for v in order_right if v in right_axis),
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """Cells of one left version."""

    left: str

    def __call__(self, right: str) -> tuple[str, str]:
        return self.left, right


@dataclass(frozen=True, slots=True)
class _Column:
    """Cells of one right version."""

    right: str

    def __call__(self, left: str) -> tuple[str, str]:
        return left, self.right


def _edges(table: Comparison, every: Sequence[str], shown: Sequence[str], pair: Pair) -> list[str]:
    """Versions looked at to find where a row or column changes, by halving."""
    looked: list[str] = []
    for older, newer in pairwise(shown):
        low, high = every.index(older), every.index(newer)
        ends = _broken(table, pair(older)), _broken(table, pair(newer))
        if None in ends or ends[0] == ends[1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            table.fill([pair(every[middle])])
            looked.append(every[middle])
            state = _broken(table, pair(every[middle]))
            if state is None:
                break
            if state == ends[0]:
                low = middle
            else:
                high = middle
    return looked


def _broken(table: Comparison, key: tuple[str, str]) -> bool | None:
    """Whether a cell is broken; None when it is not known."""
    cell = table.cells.get(key)
    if cell is None or cell.fate in (Fate.UNKNOWN, Fate.REFUSED):
        return None
    return cell.fate in BROKEN


def together(table: Comparison) -> tuple[Together, ...]:
    """Blocks of broken cells that cover all of them and no working one, largest first.

    Neighbouring left versions that break with the same right versions make one block; a run of right versions may
    pass over cells that are not known.
    """
    order_left, order_right = table.all_versions(table.left), table.all_versions(table.right)
    lefts = [v for v in order_left if any(key[0] == v for key in table.cells)]
    rights = [v for v in order_right if any(key[1] == v for key in table.cells)]
    rows = {left: _runs(table.cells, left, rights) for left in lefts}
    blocks: list[Together] = []
    start = 0
    while start < len(lefts):
        end = start
        while end + 1 < len(lefts) and rows[lefts[end + 1]] == rows[lefts[start]]:
            end += 1
        for first, last in rows[lefts[start]]:
            cell = next(
                cell
                for left in lefts[start : end + 1]
                for right in rights[first : last + 1]
                if (cell := table.cells.get((left, right))) is not None and cell.fate in BROKEN
            )
            ends = (*_open(table.left, start, end, lefts), *_open(table.right, first, last, rights))
            blocks.append(
                Together(
                    left=table.left + _range(lefts, start, end, order_left),
                    right=table.right + _range(rights, first, last, order_right),
                    example=cell,
                    open_ends=ends,
                )
            )
        start = end + 1
    return tuple(blocks)


def _runs(cells: Mapping[tuple[str, str], Cell], left: str, rights: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """(first, last) positions of broken right versions without a working one between."""
    runs: list[list[int]] = []
    open_run = False
    for place, right in enumerate(rights):
        cell = cells.get((left, right))
        if cell is None or cell.fate in (Fate.UNKNOWN, Fate.REFUSED):
            continue
        if cell.fate not in BROKEN:
            open_run = False
        elif open_run:
            runs[-1][1] = place
        else:
            runs.append([place, place])
            open_run = True
    return tuple((first, last) for first, last in runs)


def _range(versions: Sequence[str], first: int, last: int, order: Sequence[str]) -> str:
    """A specifier for what was seen: one version, or from the first to before the next that is known to differ."""
    if first == last:
        return f"=={versions[first]}"
    following = versions[last + 1] if last + 1 < len(versions) else ""
    if following and order.index(following) == order.index(versions[last]) + 1:
        return f">={versions[first]},<{following}"
    return f">={versions[first]},<={versions[last]}"


def _open(name: str, first: int, last: int, versions: Sequence[str]) -> tuple[str, ...]:
    found = []
    if first == 0:
        found.append(f"{name} before {versions[0]}")
    if last == len(versions) - 1:
        found.append(f"{name} after {versions[-1]}")
    return tuple(found)
