"""What the probe could not read or found to be wrong about the environment itself: pyvenv.cfg, paths, links."""

from __future__ import annotations

from collections.abc import Iterator

from doctor.checks.examination import Examination
from doctor.checks.interpreter import recreate
from doctor.checks.words import ENVIRONMENT, count, shown
from doctor.model import Environment, Evidence, Finding, Fix, Problem, Safety, Severity

RULE = "environment"

_SENTENCES = {
    "config-missing": (
        Severity.ERROR,
        "pyvenv.cfg is gone, so Python does not know that this is an environment and sees none of its packages",
    ),
    "config-unreadable": (
        Severity.ERROR,
        "pyvenv.cfg cannot be read, so Python may not see the packages of this environment",
    ),
    "executable-broken": (Severity.ERROR, "an interpreter of this environment does not start"),
    "prefix-mismatch": (
        Severity.ERROR,
        "the interpreter of this environment runs as another one, so it sees none of the packages here",
    ),
    "pythonhome-set": (
        Severity.WARNING,
        "PYTHONHOME is set in this shell: Python looks for its standard library there, whatever the environment",
    ),
    "zip-unreadable": (Severity.WARNING, "a zip file on the search path cannot be read"),
    "pth-undecodable": (Severity.NOTE, "a .pth file is not UTF-8; newer Pythons read the paths in it wrongly"),
    "config-without-home": (Severity.WARNING, "pyvenv.cfg does not say where the Python that it was made from lies"),
    "site-packages-missing": (Severity.WARNING, "this environment has no site-packages directory"),
    "directory-unreadable": (Severity.WARNING, "a directory of the search path cannot be read"),
    "pth-unreadable": (Severity.WARNING, "a .pth file cannot be read, so the paths in it are not known"),
    "egg-link-not-on-path": (
        Severity.WARNING,
        "a development install (egg-link) points to a place that is not on the path",
    ),
    "egg-link-unreadable": (Severity.WARNING, "a development install (egg-link) cannot be read"),
    "editable-opaque": (
        Severity.NOTE,
        "the finder of an editable install is of an unknown kind; its modules are unknown",
    ),
    "editable-unreadable": (
        Severity.NOTE,
        "the finder of an editable install could not be read; its modules are unknown",
    ),
}
_NEW_CONFIG = frozenset(
    {"config-missing", "config-unreadable", "config-without-home", "site-packages-missing", "executable-broken"}
)


def check(examination: Examination) -> Iterator[Finding]:
    """One finding for each problem of the environment."""
    environment = examination.environment
    for problem in environment.problems:
        if problem.code == "other-python-directory":
            yield _other_python_directory(problem, examination)
        else:
            yield _finding(problem, environment)


def _finding(problem: Problem, environment: Environment) -> Finding:
    severity, sentence = _SENTENCES.get(problem.code, (Severity.NOTE, problem.code.replace("-", " ")))
    again = problem.code in _NEW_CONFIG
    return Finding(
        rule=RULE,
        severity=severity,
        subjects=(ENVIRONMENT,),
        message=sentence,
        evidence=Evidence.FILE,
        details=(f"{shown(problem.path, environment)}{': ' if problem.detail else ''}{problem.detail}",),
        symbol=problem.path.rpartition("/")[2],
        fixes=(recreate(environment, "pyvenv.cfg must be written again"),) if again else (),
    )


def _other_python_directory(problem: Problem, examination: Examination) -> Finding:
    """Packages in ``lib/pythonX.Y`` of another version, which the interpreter never looks at."""
    environment = examination.environment
    names = examination.files.listing(f"{problem.path}/site-packages") or ()
    many = sum(name.endswith((".dist-info", ".egg-info")) for name in names)
    alone = not any(d.location in environment.site_dirs for d in environment.distributions)
    what = f"{count(many, 'package')} for {problem.detail}" if many else f"files for {problem.detail}"
    return Finding(
        rule=RULE,
        severity=Severity.ERROR if alone and many else Severity.WARNING if many else Severity.NOTE,
        subjects=(ENVIRONMENT,),
        message=f"the environment holds {what}, which its Python {environment.python_version} does not see",
        evidence=Evidence.FILE,
        details=(
            f"{shown(problem.path, environment)} is left from the Python that the environment had before.",
            "Install what you need again; packages of one Python version cannot be used by another.",
        ),
        fixes=(Fix(remove=(problem.path,), safety=Safety.MANUAL, because="once everything is installed again"),),
    )
