"""Uses inside functions that importing does not run: what fails when it is called, and what only looks so."""

from __future__ import annotations

import pytest

from doctor.checks.examine import NO_STACK, Options, examine
from doctor.model import Finding, Severity

PROVIDER = """
import sys
__version__ = "2.0"
def dump(value, *, indent=0):
    return value
def anything(**options):
    return options
def bind():
    global late
    late = 1
def strict(value):
    if not isinstance(value, Client):
        raise ValueError("not a client")
def deep(value):
    global _depth
    _depth = value
    return deeper(value) + deeper(value)
def deeper(value):
    return deepest(value) + deepest(value)
def deepest(value):
    for _ in range(300):
        value = [value, value]
    return deep(value)
class Client:
    def __init__(self, base=None, *, timeout=1):
        self.base = base
    def render(self, context):
        return self.show(context)
    def show(self, context):
        return context
"""


def told(patient, body: str, requires: tuple[str, ...] = ("provider",), **provider: str) -> list[Finding]:
    """What is said of a distribution whose module has that text, beside ``PROVIDER``."""
    patient.install("provider==2.0", {"provider/__init__.py": PROVIDER, **provider})
    patient.install("user==1.0", {"user/__init__.py": body}, list(requires))
    report = examine(str(patient.path), Options(stack=NO_STACK))
    assert not report.crashed
    return [f for f in report.findings if f.rule == "import-contract"]


BROKEN = {
    "an attribute": ("import provider\ndef f():\n    return provider.gone(1)\n", "provider.gone", 3),
    "an alias": ("import provider as p\ndef f(x):\n    if x:\n        return p.gone\n", "provider.gone", 4),
    "a name imported inside": ("import provider\ndef f():\n    from provider import gone\n", "provider.gone", 3),
    "a submodule imported inside": ("import provider\ndef f():\n    import provider.gone\n", "provider.gone", 3),
    "a keyword of a function": (
        "from provider import dump\ndef f(x):\n    return dump(x, width=3)\n", "provider.dump(width)", 3,
    ),
    "a keyword of a class": ("import provider\ndef f():\n    return provider.Client(proxies=1)\n", "provider.Client(proxies)", 3),
    "a keyword through a class of its own": (
        "import provider\nclass C(provider.Client):\n    def __init__(self, **k):\n        super().__init__(**k)\ndef f():\n    return C(proxies=None)\n",
        "provider.Client(proxies)", 4,
    ),
    "an inherited method called with too little": (
        "import provider\nclass C(provider.Client):\n    def f(self):\n        return self.show()\n", "provider.Client.show(context)", 4,
    ),
    "a method of an object": ("import provider\ndef f():\n    return provider.Client().vanished()\n", "provider.Client.vanished", 3),
    "a method of an object with a name": (
        "import provider\ndef f():\n    c = provider.Client('x')\n    return c.vanished()\n", "provider.Client.vanished", 4,
    ),
    "a method that its base no longer has": (
        "import provider\nclass C(provider.Client):\n    def f(self):\n        return self._vanished()\n", "provider.Client._vanished", 4,
    ),
    "behind a call that goes too deep": (
        "import provider\ndef f(x):\n    provider.deep(x)\n    return provider.gone\n", "provider.gone", 4,
    ),
    "behind a call that refuses what it is given": (
        "import provider\ndef f(x):\n    provider.strict(x)\n    return provider.gone\n", "provider.gone", 4,
    ),
    "inside a nested function": (
        "import provider\ndef f():\n    def g():\n        return provider.gone\n    return g()\n", "provider.gone", 4,
    ),
    "inside a method behind an unknown test": (
        "import provider\nclass C:\n    def f(self, deep):\n        if deep:\n            provider.gone\n", "provider.gone", 5,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
def test_a_call_that_cannot_work_is_a_warning_at_its_line(patient, case):
    body, symbol, line = case
    (finding,) = told(patient, body)
    assert finding.severity is Severity.WARNING
    assert (finding.symbol, finding.where.path, finding.where.line) == (symbol, "user/__init__.py", line)
    assert finding.subjects == ("user==1.0", "provider==2.0")
    assert "when it is called" in finding.message


FINE = {
    "a guard": "import provider\ndef f():\n    try:\n        return provider.gone\n    except AttributeError:\n        return 1\n",
    "a guarded import": "import provider\ndef f():\n    try:\n        import provider.gone\n    except ImportError:\n        pass\n",
    "hasattr": "import provider\ndef f():\n    if hasattr(provider, 'gone'):\n        return provider.gone\n",
    "a version that is known": "import provider\nNEW = provider.__version__ >= '3'\ndef f():\n    if NEW:\n        return provider.gone\n",
    "a version that is not known": "import provider\ndef f(version):\n    if version > 2:\n        return provider.gone\n",
    "left before": "import provider\ndef f(version):\n    if version < 3:\n        return 1\n    return provider.gone\n",
    "behind a definition that is not made": "import provider, sys\nif sys.version_info < (3,):\n    def f():\n        return provider.gone\n",
    "any keyword": "import provider\ndef f():\n    return provider.anything(width=1)\n",
    "a keyword taken out on the way": (
        "import provider\nclass C(provider.Client):\n    def __init__(self, **k):\n        k.pop('proxies', None)\n"
        "        super().__init__(**k)\ndef f():\n    return C(proxies=None)\n"
    ),
    "set by somebody": "import provider\nprovider.gone = 1\ndef f():\n    return provider.gone\n",
    "a name in a comment": "import provider\ndef f():\n    # provider.gone\n    return 'provider.gone'\n",
    "a local name": "import provider\ndef f(provider):\n    return provider.gone\n",
    "a method that a sibling of its own package brings": (
        "import provider\nclass C(provider.Client):\n    def f(self):\n        return self._brought()\nclass D(C):\n    def _brought(self):\n        return 1\n"
    ),
    "a method that is asked for first": (
        "import provider\nclass C(provider.Client):\n    def f(self):\n        return self._vanished() if hasattr(self, '_vanished') else 1\n"
    ),
    "a use behind one of an optional module that is not there": (
        "import provider\ntry:\n    import optional\nexcept ImportError:\n    optional = None\ndef f():\n    optional.begin()\n    return provider.gone\n"
    ),
    "a global that a function of the provider binds": "import provider\ndef f():\n    return provider.late\n",
    "a submodule that is there": "import provider\ndef f():\n    import provider.sub\n    return provider.sub\n",
    "a submodule that others import": "import provider\ndef f():\n    return provider.sub\n",
}


@pytest.mark.parametrize("body", FINE.values(), ids=FINE)
def test_what_may_work_is_silent(patient, body):
    assert told(patient, body, **{"provider/sub.py": ""}) == []


def test_a_name_that_the_provider_gives_by_code_is_silent(patient):
    lazy = PROVIDER + "def __getattr__(name):\n    return name\n"
    assert told(patient, BROKEN["an attribute"][0], **{"provider/__init__.py": lazy}) == []


def test_an_object_that_other_code_of_its_package_completes_is_silent(patient):
    plugin = {"provider/plugin.py": "def extend(client):\n    client.vanished = print\n"}
    assert told(patient, BROKEN["a method of an object"][0], **plugin) == []


def test_without_a_requirement_it_is_a_note(patient):
    (finding,) = told(patient, BROKEN["an attribute"][0], requires=())
    assert finding.severity is Severity.NOTE


def test_an_override_that_takes_too_little_is_a_note(patient):
    body = "import provider\nclass C(provider.Client):\n    def show(self):\n        return 1\n"
    (finding,) = told(patient, body)
    assert finding.severity is Severity.NOTE
    assert finding.symbol == "provider.Client.show"


def test_a_pair_whose_import_fails_is_told_once(patient):
    body = "import provider\ndef f():\n    return provider.gone\nprovider.lost\n"
    (finding,) = told(patient, body)
    assert (finding.severity, finding.symbol) == (Severity.ERROR, "provider.lost")


def test_places_of_one_pair_are_folded(patient):
    body = "import provider\n" + "".join(f"def f{n}():\n    return provider.gone{n}\n" for n in range(7))
    first, *others = told(patient, body)
    assert len(others) == 4
    assert set(first.explains) == {f.key for f in others}
    assert "and 2 more places like this" in first.details


def test_a_probe_leaves_no_trace(patient):
    """What an executed function would do to other modules is forgotten before the next one is looked at."""
    body = (
        "import provider, sys, os\ndef a():\n    sys.path.append(unknown())\n    sys.modules['provider'] = 1\n"
        "    os.environ['X'] = '1'\n    provider.gone\ndef b():\n    provider.lost\n"
    )
    assert {f.symbol for f in told(patient, body)} == {"provider.gone", "provider.lost"}


def test_what_comes_with_a_requirement_counts_as_required(patient):
    patient.install("between==1.0", {"between/__init__.py": ""}, ["provider"])
    (finding,) = told(patient, BROKEN["an attribute"][0], requires=("between",))
    assert finding.severity is Severity.WARNING


def test_names_that_an_enumeration_gives_a_module_are_known(patient):
    module = (
        PROVIDER
        + "import enum\nclass Size(enum.IntEnum):\n    SMALL = 0\n    LARGE = 1\n"
        + "for item in Size:\n    setattr(sys.modules[__name__], item.name, item.value)\n"
    )
    body = "import provider\ndef f():\n    return provider.SMALL\ndef g():\n    return provider.HUGE\n"
    (finding,) = told(patient, body, **{"provider/__init__.py": module})
    assert finding.symbol == "provider.HUGE"
