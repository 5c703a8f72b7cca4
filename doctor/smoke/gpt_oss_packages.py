"""The client packages of an environment: which are there, and whether importing and using them works, by ``check``.

Nothing of the environment is run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from doctor.checks.examine import Options, examine_environment
from doctor.model import Environment, Finding, Severity
from doctor.probe.environment import probe_environment
from doctor.probe.files import DiskFiles
from doctor.rulebook.load import load_rulebook

CLIENTS: dict[str, str] = {
    "openai": "openai",
    "globus-sdk": "globus_sdk",
    "alcf-tokens": "alcf_tokens",
    "alcf-ai": "alcf_ai",
    "langchain-openai": "langchain_openai",
    "langchain-sambanova": "langchain_sambanova",
    "sambanova": "sambanova",
    "litellm": "litellm",
    "guidellm": "guidellm",
    "datasets": "datasets",
}
"""Distributions with which people ask these services, and what they import of them (the entries of the check)."""
_HARMLESS = frozenset({"requirement", "files"})
_NO_LOSS = frozenset({"test", "this", "antigravity", "idlelib", "turtledemo", "lib2to3", "turtle", "__main__"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """``present``: pins of the clients; ``findings``: errors and warnings about them; ``crashed``: failed checks."""

    environment: Environment
    present: tuple[str, ...]
    findings: tuple[Finding, ...]
    crashed: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What really fails."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)


def examine_clients(path: str, rules: Sequence[str] = ()) -> Packages:
    """Check an environment with imports followed from its clients only.

    Raises ``NotAnEnvironmentError`` and ``RuleError``.
    """
    environment = probe_environment(path)
    names = {d.name: d for d in environment.distributions}
    present = [name for name in CLIENTS if name in names]
    if not present:
        return Packages(environment=environment, present=(), findings=())
    options = Options(stack="none", entries=tuple(CLIENTS[name] for name in present), rules=tuple(rules))
    rulebook = load_rulebook(rules, kinds=("breakage", "stack", "native"))
    report = examine_environment(environment, DiskFiles(), rulebook, options)
    return Packages(
        environment=environment,
        present=tuple(names[name].pin for name in present),
        findings=_telling(report.findings),
        crashed=tuple(crash.reason for crash in report.crashed),
    )


def _telling(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """What a user of these clients needs to see: one finding for each pair that does not fit, those with a cure first.

    Notes, consequences of others, and requirements that are not met where nothing fails by it, are left to ``check``.
    """
    explained = {key for finding in findings for key in finding.explains}
    kept = [f for f in findings if f.severity is not Severity.NOTE and f.key not in explained]
    kept = [f for f in kept if f.severity is Severity.ERROR or f.rule not in _HARMLESS]
    best: dict[frozenset[str], Finding] = {}
    for finding in sorted(kept, key=lambda f: (f.severity.rank, not f.fixes)):
        best.setdefault(frozenset(pin.partition("==")[0] for pin in finding.subjects), finding)
    return tuple(best.values())


def hiding_files(folder: str) -> tuple[str, ...]:
    """Files in a folder that a script started there would import instead of a client or of Python's own modules."""
    try:
        names = sorted(path.name for path in Path(folder).iterdir())
    except OSError:
        return ()
    wanted = (set(sys.stdlib_module_names) | set(CLIENTS.values()) | {"httpx", "httpx2"}) - _NO_LOSS
    return tuple(name for name in names if name.endswith(".py") and name.removesuffix(".py") in wanted)
