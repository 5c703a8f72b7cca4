"""Which findings are consequences of others: pure, from what the findings themselves say.

A root keeps its place in the report and lists the keys of what it explains. Where several imports break by one
damaged thing, the damage is the root; where one import shows it, the import is, for its chain says who is hit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from doctor.model import Evidence, Finding, Severity

CONTRACT = "import-contract"
_ENVIRONMENT = "<environment>"
_DAMAGE = frozenset(
    {"files", "native", "native-library", "native-numpy", "native-python", "native-symbol", "editable", "pth"}
)
_CONFIG = "pyvenv.cfg"


def fold(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The same findings, each once, with ``explains`` filled in."""
    unique = tuple({finding.key: finding for finding in findings}.values())
    explained: dict[str, dict[str, None]] = {finding.key: dict.fromkeys(finding.explains) for finding in unique}
    for root, other in _damage_and_imports(unique):
        explained[root.key][other.key] = None
    for roots, others, explains in _RELATIONS:
        possible = [finding for finding in unique if others(finding)]
        for root in filter(roots, unique):
            for other in possible:
                if other is not root and explains(root, other):
                    explained[root.key][other.key] = None
    return tuple(
        replace(finding, explains=tuple(explained[finding.key])) if explained[finding.key] else finding
        for finding in unique
    )


def names(finding: Finding) -> tuple[str, ...]:
    """Names of the subjects without their versions."""
    return tuple(subject.partition("==")[0] for subject in finding.subjects)


def module_of(path: str) -> str:
    """``pkg/sub/mod.cpython-311.so`` -> ``pkg.sub.mod``; a package's ``__init__`` stands for the package."""
    folders, _, name = path.rpartition("/")
    stem = name.partition(".")[0]
    parts = [*folders.split("/"), *(() if stem == "__init__" else (stem,))]
    return ".".join(filter(None, parts))


def speaks_of(finding: Finding, contract: Finding) -> bool:
    """Whether a failing import fails by one of the files that a finding is about."""
    symbol = contract.symbol or ""
    place = contract.where.path if contract.where else ""
    for path in finding.covers:
        module = module_of(path)
        if path == place or symbol == module or symbol.startswith(f"{module}.") or module.startswith(f"{symbol}."):
            return True
    return False


def _damage_and_imports(findings: Sequence[Finding]) -> Iterable[tuple[Finding, Finding]]:
    """(root, consequence) for damage and the imports that break by it."""
    contracts = [finding for finding in findings if finding.rule == CONTRACT]
    for damage in findings:
        if damage.rule not in _DAMAGE:
            continue
        broken = [contract for contract in contracts if _breaks(damage, contract)]
        whole = len(broken) > 1 or (damage.rule == "native-numpy" and len(damage.subjects) > 2)  # noqa: PLR2004
        if whole or damage.rule == "editable":
            yield from ((damage, contract) for contract in broken)
        else:
            yield from ((contract, damage) for contract in broken)


def _breaks(damage: Finding, contract: Finding) -> bool:
    if not set(names(damage)) & set(names(contract)):
        return False
    if damage.rule == "native-numpy":
        return "NumPy 1" in contract.message or any("NumPy 1" in line for line in contract.details)
    return damage.rule == "editable" or speaks_of(damage, contract)


def _unmet_requirement(root: Finding, other: Finding) -> bool:
    """An import that fails says more than the requirement that was declared for it."""
    requirers, needed = {names(other)[0], *names(other)[2:]}, names(other)[1]
    top = (root.symbol or "").partition(".")[0].replace("_", "-").lower()
    return names(root)[0] in requirers and (needed in names(root)[1:] or needed == top)


def _same_break(root: Finding, other: Finding) -> bool:
    """A rule or a stack's pin that says of the same distributions what the import shows."""
    if other.rule == "stack-pins":
        return names(other)[0] in names(root)
    return bool(other.symbol) and other.symbol == root.symbol


def _known_break(root: Finding, other: Finding) -> bool:
    """A rule knows why these versions do not go together; that a pin is not kept is the smaller truth."""
    return set(names(other)[:2]) <= set(names(root))


def _same_distribution(root: Finding, other: Finding) -> bool:
    return names(root)[0] == names(other)[0]


def _twice_installed(root: Finding, other: Finding) -> bool:
    """Two releases on top of each other: the rest follows."""
    return names(root)[0] in names(other)


def _overwritten(root: Finding, other: Finding) -> bool:
    """Files that differ because another distribution wrote its own there."""
    return names(other)[0] in names(root) and set(other.covers) <= set(root.covers)


def _same_files(root: Finding, other: Finding) -> bool:
    """A library that cannot be loaded says more than that its size has changed."""
    return _same_distribution(root, other) and set(other.covers) <= set(root.covers)


def _hidden(root: Finding, other: Finding) -> bool:
    """Imports that meet a module which hides the real one."""
    top = (other.symbol or "").partition(".")[0]
    return any(module_of(path).rpartition(".")[2] == top for path in root.covers)


def _half_removed(root: Finding, other: Finding) -> bool:
    """What is missing because an installer was interrupted."""
    return bool(root.symbol) and root.symbol == names(other)[1]


Choice = Callable[[Finding], bool]


def _is(*rules: str, worst: bool = False) -> Choice:
    """Findings of these checks; with ``worst`` only their errors."""
    wanted = frozenset(rules)
    return lambda finding: finding.rule in wanted and (not worst or finding.severity is Severity.ERROR)


def _of_environment(finding: Finding) -> bool:
    """What a dead interpreter or a lost configuration explains; the loss of pyvenv.cfg itself it does not."""
    own = finding.rule in {"environment", "scripts"} and _ENVIRONMENT in finding.subjects
    return own and finding.symbol != _CONFIG


def _is_rule(finding: Finding) -> bool:
    """A breakage that the rulebook knows."""
    return finding.evidence is Evidence.RULE and finding.rule != "stack-pins"


def _is_lost_config(finding: Finding) -> bool:
    return finding.rule == "environment" and finding.symbol == _CONFIG and finding.severity is Severity.ERROR


def _needs_two(finding: Finding) -> bool:
    return finding.rule == "requirement" and len(finding.subjects) > 1


_RELATIONS: tuple[tuple[Choice, Choice, Callable[[Finding, Finding], bool]], ...] = (
    (_is(CONTRACT, worst=True), _needs_two, _unmet_requirement),
    (_is(CONTRACT, worst=True), lambda f: f.evidence is Evidence.RULE, _same_break),
    (_is_rule, _is("stack-pins", "requirement"), _known_break),
    (_is_rule, lambda f: f.rule == CONTRACT and f.severity is not Severity.ERROR, _known_break),
    (_is("duplicate"), _is("files", "metadata", "shared-files", "leftover"), _twice_installed),
    (_is("shared-files"), lambda f: f.rule == "files" and bool(f.covers), _overwritten),
    (_is("native"), lambda f: f.rule == "files" and bool(f.covers), _same_files),
    (_is("files", worst=True), _is("native-library"), _same_distribution),
    (_is("native", "native-python", "requires-python"), _is("wheel-tags"), _same_distribution),
    (_is("shadow"), _is(CONTRACT), _hidden),
    (_is("interpreter", worst=True), _of_environment, lambda _root, _other: True),
    (_is_lost_config, lambda f: _of_environment(f) or f.rule == "interpreter", lambda _root, _other: True),
    (_is("leftover"), _needs_two, _half_removed),
)
"""Which findings can explain which others, and when they do."""
