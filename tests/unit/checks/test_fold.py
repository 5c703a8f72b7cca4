from __future__ import annotations

import random

from doctor.checks.fold import fold, module_of
from doctor.model import Evidence, Finding, Location, Severity

ERROR, WARNING = Severity.ERROR, Severity.WARNING


def finding(rule, *subjects, severity=ERROR, symbol=None, where=None, covers=(), message="", evidence=Evidence.FILE):
    return Finding(
        rule=rule, severity=severity, subjects=subjects, message=message or f"{rule} of {subjects} {symbol}", evidence=evidence,
        symbol=symbol, where=Location(path=where, line=1) if where else None, covers=covers,
    )  # fmt: skip


def explained(*findings):
    """(rule and first subject of a root) -> the same of what it explains."""
    folded = fold(findings)
    shuffled = list(findings)
    random.Random(3).shuffle(shuffled)
    edges = {(f.key, key) for f in folded for key in f.explains}
    assert edges == {(f.key, key) for f in fold(shuffled) for key in f.explains}, "the order must not matter"
    name = {f.key: f.rule for f in folded}
    return sorted((name[root], name[other]) for root, other in edges)


def contract(*subjects, symbol, where="app/main.py"):
    return finding("import-contract", *subjects, symbol=symbol, where=where, evidence=Evidence.STATIC)


def test_an_import_explains_the_requirement_behind_it():
    unmet = finding("requirement", "app==1.0", "base==2.1", "other==1.0", severity=WARNING)
    missing = finding("requirement", "app==1.0", "gone", severity=ERROR)
    unrelated = finding("requirement", "tool==1.0", "base==2.1", severity=WARNING)
    imports = contract("app==1.0", "base==2.1", symbol="base.new")
    assert explained(imports, unmet, missing, unrelated) == [("import-contract", "requirement")]
    assert explained(contract("app==1.0", "gone", symbol="gone.x"), missing) == [("import-contract", "requirement")]


def test_one_broken_import_explains_the_damage_and_many_are_explained_by_it():
    damage = finding("files", "pkg==1.0", covers=("pkg/sub/__init__.py", "pkg/sub/a.py"))
    one = contract("app==1.0", "pkg==1.0", symbol="pkg.sub")
    two = contract("tool==1.0", "pkg==1.0", symbol="pkg.sub.a.name")
    assert explained(damage, one) == [("import-contract", "files")]
    assert explained(damage, one, two) == [("files", "import-contract"), ("files", "import-contract")]


def test_damage_elsewhere_in_the_same_distribution_is_a_root_of_its_own():
    damage = finding("files", "pkg==1.0", covers=("pkg/data.json",))
    assert explained(damage, contract("app==1.0", "pkg==1.0", symbol="pkg.newer")) == []


def test_a_file_that_is_no_python_any_more_is_found_by_its_place():
    damage = finding("files", "pkg==1.0", severity=WARNING, covers=("pkg/core.py",))
    assert explained(damage, contract("pkg==1.0", symbol="other", where="pkg/core.py")) == [
        ("import-contract", "files")
    ]


def test_rules_pins_and_imports_that_say_the_same():
    imports = contract("peft==0.18.0", "transformers==4.45.2", symbol="transformers.modeling_layers")
    rule = finding(
        "peft-rule",
        "peft==0.18.0",
        "transformers==4.45.2",
        symbol="transformers.modeling_layers",
        evidence=Evidence.RULE,
    )
    pin = finding("stack-pins", "peft==0.18.0", severity=WARNING, evidence=Evidence.RULE)
    other_pin = finding("stack-pins", "numpy==2.0", severity=WARNING, evidence=Evidence.RULE)
    assert explained(imports, pin, other_pin) == [("import-contract", "stack-pins")]
    assert explained(rule, pin, other_pin) == [("peft-rule", "stack-pins")]
    assert explained(imports, rule, pin) == [
        ("import-contract", "peft-rule"), ("import-contract", "stack-pins"), ("peft-rule", "stack-pins"),
    ]  # fmt: skip


def test_all_that_one_numpy_broke():
    numpy = finding("native-numpy", "a==1.0", "numpy==2.0", "b==1.0", covers=("a/x.so",))
    broken = [contract(f"{name}==1.0", symbol=f"{name}.x") for name in "ab"]
    broken = [finding("import-contract", *c.subjects, symbol=c.symbol, message="compiled for NumPy 1") for c in broken]
    assert explained(numpy, *broken) == [("native-numpy", "import-contract")] * 2


def test_files_that_differ_for_a_known_reason():
    changed = finding("files", "pyjwt==2.0", severity=WARNING, covers=("jwt/__init__.py",))
    shared = finding("shared-files", "pyjwt==2.0", "jwt==1.0", severity=WARNING, covers=("jwt/__init__.py", "jwt/x.py"))
    twice = finding("duplicate", "pyjwt==2.0", "pyjwt==1.0", severity=WARNING)
    library = finding("native", "pyjwt==2.0", covers=("jwt/__init__.py",))
    assert explained(changed, shared) == [("shared-files", "files")]
    assert explained(changed, twice) == [("duplicate", "files")]
    assert explained(changed, library) == [("native", "files")]
    more = finding("files", "pyjwt==2.0", severity=WARNING, covers=("jwt/__init__.py", "elsewhere.py"))
    assert explained(more, shared) == []


def test_a_dead_interpreter_or_a_lost_configuration_explains_the_rest_of_the_environment():
    dead = finding("interpreter", "<environment>", symbol=None)
    lost = finding("environment", "<environment>", symbol="pyvenv.cfg", message="pyvenv.cfg is gone")
    wrong = finding("environment", "<environment>", symbol="python", message="runs as another one")
    scripts = finding("scripts", "<environment>", symbol="bin/tool")
    of_package = finding("scripts", "tool==1.0", symbol="bin/tool")
    assert explained(dead, scripts, of_package, lost) == [
        ("environment", "interpreter"),
        ("environment", "scripts"),
        ("interpreter", "scripts"),
    ]
    assert explained(lost, wrong) == [("environment", "environment")]


def test_a_hidden_module_explains_imports_that_meet_it():
    shadow = finding("shadow", "<environment>", symbol="calendar.timegm", covers=("old/calendar.py",))
    assert explained(shadow, contract("requests==2.0", symbol="calendar.timegm")) == [("shadow", "import-contract")]
    assert explained(shadow, contract("requests==2.0", symbol="calendars.x")) == []


def test_what_explains_something_already_keeps_it_and_nothing_is_said_twice():
    twin = contract("app==1.0", "pkg==1.0", symbol="pkg.sub")
    damage = finding("files", "pkg==1.0", covers=("pkg/sub.py",))
    (first, _) = fold([twin, twin, damage])
    assert first.explains == (damage.key,)


def test_nothing_explains_itself_and_no_two_explain_each_other():
    rules = (
        "files",
        "native",
        "import-contract",
        "requirement",
        "duplicate",
        "shared-files",
        "environment",
        "interpreter",
    )
    every = [
        finding(rule, f"{name}==1.0", "x==1.0", symbol=symbol, covers=("x/a.py",), message=f"{rule}{name}{symbol} NumPy 1")
        for rule in rules for name in ("x", "<environment>") for symbol in ("x.a", "pyvenv.cfg")
    ]  # fmt: skip
    edges = {(f.key, key) for f in fold(every) for key in f.explains}
    assert all(root != other and (other, root) not in edges for root, other in edges)


def test_module_names_of_paths():
    assert module_of("pkg/sub/__init__.py") == "pkg.sub"
    assert module_of("pkg/_m.cpython-311-x86_64-linux-gnu.so") == "pkg._m"
    assert module_of("single.py") == "single"
