"""What all requirers of one distribution ask for together, as one requirement that an installer understands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from doctor.checks.needs import Need
from doctor.rulebook.requirements import version

_LOWER, _UPPER = (">=", ">", "~=", "==", "==="), ("<", "<=", "==", "===")


def joint_requirement(name: str, needs: Sequence[Need]) -> str | None:
    """``tzdata>=2022.7``; a URL where one is named; None when no version can satisfy all."""
    url = next((need.requirement.url for need in needs if need.requirement.url), None)
    if url:
        return f"{name} @ {url}"
    joint = SpecifierSet()
    for need in needs:
        joint &= need.requirement.specifier
    if contradictory(joint):
        return None
    extras = sorted({extra for need in needs for extra in need.requirement.extras})
    return f"{name}{'[' + ','.join(extras) + ']' if extras else ''}{','.join(tightest(joint))}"


def tightest(joint: SpecifierSet) -> list[str]:
    """The clauses without lower bounds below another lower bound and upper bounds above another upper one."""
    kept = {str(clause) for clause in joint if clause.operator not in {">=", ">", "<", "<="}}
    for operators, choose in (((">=", ">"), max), (("<", "<="), min)):
        bounds = [(version(c.version), c.operator, str(c)) for c in joint if c.operator in operators]
        known = [(bound, operator, text) for bound, operator, text in bounds if bound is not None]
        if known:
            kept.add(choose(known)[2])
    return in_order(kept)


def in_order(clauses: Iterable[object]) -> list[str]:
    """Lower bounds first, as people write them."""
    return sorted(map(str, clauses), key=lambda clause: (clause[0] in "<!", clause))


def contradictory(joint: SpecifierSet) -> bool:
    """Whether the clauses certainly leave no version: a lower bound above an upper one, an exact version ruled out."""
    exact = [c.version for c in joint if c.operator in {"==", "==="} and not c.version.endswith(".*")]
    if any(not joint.contains(v, prereleases=True) for v in exact):
        return True
    lower = max(_versions(joint, _LOWER), default=None)
    upper = min(_versions(joint, _UPPER), default=None)
    if lower is None or upper is None or lower < upper:
        return False
    return lower > upper or not joint.contains(lower, prereleases=True)


def _versions(joint: SpecifierSet, operators: Sequence[str]) -> list[Version]:
    """The versions of the clauses with these operators; ``==1.2.*`` bounds nothing here."""
    known = (version(c.version) for c in joint if c.operator in operators and not c.version.endswith(".*"))
    return [v for v in known if v is not None]
