"""Reports whose screens and JSON are kept as files, one for each situation that a reader can be in."""

from __future__ import annotations

from dataclasses import replace

from doctor.model import (
    Change,
    Crash,
    Distribution,
    Environment,
    Evidence,
    Finding,
    Fix,
    Interpreter,
    Location,
    Plan,
    Receipt,
    Report,
    Safety,
    Severity,
    Tally,
)

INTERPRETER = Interpreter(
    executable="/home/ann/R_2.6.0/venv_cerebras_pt/bin/python",
    version="3.11.9",
    implementation="cpython",
    markers={},
    tags=(),
    suffixes=(),
    stdlib=(),
    builtins=(),
    stdlib_paths=(),
    prefix="/home/ann/R_2.6.0/venv_cerebras_pt",
    base_prefix="/usr",
    purelib="",
    platlib="",
    scripts="",
    machine="x86_64",
)
ENVIRONMENT = Environment(
    path="/home/ann/R_2.6.0/venv_cerebras_pt",
    kind="venv",
    python_version="3.11.9",
    platform="linux-x86_64",
    interpreter=INTERPRETER,
    distributions=tuple(
        Distribution(name=f"d{n}", display_name=f"d{n}", version="1", location="/s", metadata_path=f"/s/d{n}")
        for n in range(181)
    ),
)
PEFT = Finding(
    rule="import-contract",
    severity=Severity.ERROR,
    subjects=("peft==0.18.0", "transformers==4.45.2"),
    message="cszoo cannot start: peft 0.18.0 needs a newer transformers",
    evidence=Evidence.STATIC,
    details=(
        "peft/tuners/lora/model.py:26 imports transformers.modeling_layers; transformers 4.45.2 has no such module",
        "here because lm-eval 0.4.7 asks for peft>=0.2.0 and got the newest",
    ),
    symbol="transformers.modeling_layers",
    where=Location(path="peft/tuners/lora/model.py", line=26),
    chain=(
        "cszoo",
        "cerebras.modelzoo.cli.main",
        "cerebras.modelzoo.trainer.validate",
        "cerebras.modelzoo.trainer.extensions.bigcode",
        "lm_eval",
        "peft",
        "peft.tuners.lora.model",
    ),
    fixes=(
        Fix(install=("peft==0.18.1",), because="the import moved into a function", command="pip install peft==0.18.1"),
        Fix(
            install=("peft==0.17.1",),
            safety=Safety.SAFE,
            because="keeps transformers==4.45.2, which the stack pins",
            command="/home/ann/R_2.6.0/venv_cerebras_pt/bin/python -m pip install peft==0.17.1",
        ),
    ),
)
CONSEQUENCES = tuple(
    replace(PEFT, subjects=(f"user{n}==1",), message=f"user{n} cannot be imported", details=(), chain=(), fixes=())
    for n in range(5)
)
REQUIREMENT = Finding(
    rule="requirement",
    severity=Severity.WARNING,
    subjects=("tensorboard==2.2", "protobuf==6.0"),
    message="tensorboard 2.2 asks for protobuf<5 and finds 6.0",
    evidence=Evidence.METADATA,
    where=Location(path="tensorboard-2.2.dist-info/METADATA"),
)
NOTE = Finding(
    rule="leftover",
    severity=Severity.NOTE,
    subjects=("<environment>",),
    message="an interrupted pip left ~ensorboard behind",
    evidence=Evidence.FILE,
)
HOSTILE = Finding(
    rule="requirement",
    severity=Severity.ERROR,
    subjects=("evil\x1b]0;owned\x07==1", "two\nlines==\udc80"),
    message="evil\x1b]0;owned\x07 1 asks for two\nlines and finds \u202eexe.txt",
    evidence=Evidence.METADATA,
    details=("raw bytes of a file name: \udcff\udcfe\r\x9b2J",),
    where=Location(path="evil\x1b[31m/\x00.py", line=1),
    chain=("a\nb", "c\x1b[2Jd"),
    fixes=(Fix(remove=("/x/\x1b[2J",), safety=Safety.MANUAL, because="\x07", command="rm '\n'"),),
)
TALLY = Tally(distributions=181, entries=9, modules=2214, seconds=0.41)
_PEFT_AND_MORE = replace(PEFT, explains=tuple(finding.key for finding in CONSEQUENCES))


def _report(*findings: Finding, **changes: object) -> Report:
    report = Report(environment=ENVIRONMENT, stack="cerebras-r2.6.0", findings=tuple(findings), tally=TALLY)
    return replace(report, **changes)


REPORTS = {
    "healthy": _report(),
    "healthy-with-notes": _report(NOTE),
    "metadata-only": _report(tally=Tally(distributions=181, seconds=0.2)),
    "one-break": _report(PEFT),
    "folded": _report(_PEFT_AND_MORE, *CONSEQUENCES, REQUIREMENT, NOTE),
    "warnings-only": _report(REQUIREMENT, stack=None),
    "crashed": _report(PEFT, crashed=(Crash(check="files", reason="RecursionError: too deep"),)),
    "only-crashed": _report(crashed=(Crash(check="files", reason="RecursionError: too deep"),)),
    "no-interpreter": _report(
        replace(PEFT, fixes=(), chain=()),
        environment=replace(ENVIRONMENT, interpreter=None, start_failure="No such file or directory"),
        stack=None,
    ),
    "conda": _report(REQUIREMENT, environment=replace(ENVIRONMENT, kind="conda"), stack=None),
    "target": _report(
        REQUIREMENT, environment=replace(ENVIRONMENT, kind="target", interpreter=None, python_version=""), stack=None
    ),
    "many": _report(*(replace(PEFT, message=f"number {n:02} cannot be imported", details=()) for n in range(60))),
    "hostile": _report(HOSTILE),
    "planned": _report(
        PEFT,
        plan=Plan(
            changes=(Change(name="peft", before="0.18.0", after="0.17.1", because="cures the break"),),
            cures=(PEFT.key,),
            commands=("pip install peft==0.17.1",),
            proven=True,
            errors_before=1,
        ),
        receipt=Receipt(id="2026-11-23T12:00:00-1", outcome="committed"),
    ),
    "no-environment": Report(environment=None, stack=None, findings=()),
}
