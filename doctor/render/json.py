r"""Report -> JSON, the contract ``acdoctor.report/1`` with scripts: keys are never renamed, order never changes.

Text is ASCII with JSON escapes, so that nothing in it can act on a terminal; undecodable bytes of file names are
written as ``\x..``.
"""

from __future__ import annotations

import json
from typing import Any

from doctor.model import Change, Environment, Finding, Fix, Plan, Receipt, Report
from doctor.render.escape import encodable

SCHEMA = "acdoctor.report/1"


def render_json(report: Report) -> str:
    """The whole report, one line feed at the end."""
    return json.dumps(_encodable(report_value(report)), indent=1) + "\n"


def report_value(report: Report) -> dict[str, Any]:
    """The report as JSON values; ``explains`` are indexes into ``findings``."""
    index = {finding.key: number for number, finding in enumerate(report.findings)}
    return {
        "schema": SCHEMA,
        "environment": _environment(report.environment),
        "stack": report.stack,
        "findings": [_finding(finding, index) for finding in report.findings],
        "plan": _plan(report.plan),
        "receipt": _receipt(report.receipt),
        "crashed": [{"check": crash.check, "reason": crash.reason} for crash in report.crashed],
        "exit_code": report.exit_code,
    }


def _environment(environment: Environment | None) -> dict[str, Any] | None:
    if environment is None:
        return None
    return {
        "path": environment.path,
        "python": environment.python_version,
        "platform": environment.platform,
        "distributions": sum(d.kind != "assumed" for d in environment.distributions),
    }


def _finding(finding: Finding, index: dict[str, int]) -> dict[str, Any]:
    where = finding.where
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "subjects": list(finding.subjects),
        "message": finding.message,
        "details": list(finding.details),
        "symbol": finding.symbol,
        "where": None if where is None else {"path": where.path, "line": where.line},
        "chain": list(finding.chain),
        "evidence": finding.evidence.value,
        "explains": sorted(index[key] for key in finding.explains if key in index),
        "fixes": [_fix(fix) for fix in finding.fixes],
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "install": list(fix.install),
        "reinstall": list(fix.reinstall),
        "remove": list(fix.remove),
        "safety": fix.safety.value,
        "because": fix.because,
        "command": fix.command,
    }


def _plan(plan: Plan | None) -> dict[str, Any] | None:
    if plan is None:
        return None
    return {
        "changes": [_change(change) for change in plan.changes],
        "reinstall": list(plan.reinstall),
        "remove_paths": list(plan.remove_paths),
        "rewrite": list(plan.rewrite),
        "cures": list(plan.cures),
        "declined": list(plan.declined),
        "commands": list(plan.commands),
        "proven": plan.proven,
        "errors_before": plan.errors_before,
        "errors_after": plan.errors_after,
        "safety": plan.safety.value,
    }


def _receipt(receipt: Receipt | None) -> dict[str, Any] | None:
    if receipt is None:
        return None
    return {
        "id": receipt.id,
        "outcome": receipt.outcome,
        "changes": [_change(change) for change in receipt.changes],
        "reason": receipt.reason,
    }


def _change(change: Change) -> dict[str, Any]:
    return {"name": change.name, "before": change.before, "after": change.after, "because": change.because}


def _encodable(value: Any) -> Any:
    """The same value with every string made encodable."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {key: _encodable(item) for key, item in value.items()}
    return value
