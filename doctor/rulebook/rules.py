"""Rule values: what a TOML file of ``rules/`` says, after the strict loader has read it.

Versions and conditions are PEP 440 specifiers, PEP 508 requirements and markers, kept as text.
"""

from __future__ import annotations

from dataclasses import dataclass

from doctor.model import Fix, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEvidence:
    """Why a rule is believed: ``on`` is an ISO date, ``how`` is ``run``, ``read`` or ``report``."""

    on: str
    how: str
    claim: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleExample:
    """A case the rule must find (``found``) or leave alone: installed pins, or log text.

    ``python`` is the interpreter's version of the case, for rules with a marker ('' for 3.11); ``says`` tells in
    words what the case is.
    """

    found: bool
    installed: tuple[str, ...] = ()
    python: str = ""
    text: str = ""
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What every rule has. ``id`` is the file's stem, unique for ever; ``status`` is ``active`` or ``retired``."""

    id: str
    path: str
    title: str
    explain: str
    severity: Severity
    status: str = "active"
    fixes: tuple[Fix, ...] = ()
    evidence: tuple[RuleEvidence, ...] = ()
    examples: tuple[RuleExample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakage(Rule):
    """Versions that must not hold together though metadata allows them.

    ``together`` are requirements (first the distribution that breaks, then what it lacks) that must never all
    hold; ``marker`` limits the environments; ``symbol`` is what is missing; ``where`` is ``file:line`` where it
    shows. ``contract`` says that import contracts find the same break by themselves: then theirs is the finding
    and the rule only adds its fix and its words.
    """

    together: tuple[str, ...] = ()
    marker: str = ""
    symbol: str = ""
    where: str = ""
    contract: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A failure of the vendor's own that is no finding: a module glob, the missing symbol (or ''), the reason."""

    module: str
    symbol: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cure:
    """What the known-good set takes instead of what the vendor's own instructions would: a requirement, and why."""

    pin: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A requirement that is an archive of a public repository: its name, its URL, and who needs it (``reason``).

    ``instead`` is the pin of the same release on the package index, which the lock takes; '' where there is none:
    then nothing of it is locked, for such archives are packed anew at every download and have no lasting hash.
    """

    name: str
    url: str
    reason: str
    instead: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A repository that the stack's users install editable: its distribution, where it is, and which tag."""

    name: str
    url: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveOut:
    """Distributions of the lock (names with ``*``) that some users leave out by ``--without OPTION``, and what then."""

    option: str
    packages: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack(Rule):
    """A named known-good set.

    ``detect``: requirements of which all must hold for the stack to be recognised (``detect_any``: at least one).
    ``pins``: requirements that must hold; ``entries``: modules, console scripts (``script:NAME``) that its users
    run; ``accepts``: known vendor failures; ``provided``: ``NAME==VERSION`` that host or container brings.
    ``asks``: what the vendor's own documented install asks for (PEP 508, archives by URL too), without cures of ours:
    that is resolved to see what users got on a day; empty: the pins say it.
    ``lockfile``: the folder below ``lockfiles/`` with the known-good set, resolved as the index stood at the end of the
    day ``resolved`` (UTC) with the ``cures``; ``archives``, ``checkouts`` and ``leave_out`` are what ``create`` needs
    to know beyond it. ``also``: other names by which users ask for it.
    """

    detect: tuple[str, ...] = ()
    detect_any: tuple[str, ...] = ()
    python: str = ""
    marker: str = ""
    pins: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    accepts: tuple[Accepted, ...] = ()
    provided: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    lockfile: str = ""
    released: str = ""
    resolved: str = ""
    also: tuple[str, ...] = ()
    cures: tuple[Cure, ...] = ()
    archives: tuple[Archive, ...] = ()
    checkouts: tuple[Checkout, ...] = ()
    leave_out: tuple[LeaveOut, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeContract(Rule):
    """What compiled code of a distribution does that no source shows.

    ``when``: a requirement that must hold for it to apply, ``beside``: further ones; ``marker`` limits the
    environments; ``module``: dotted native module (a real one in that distribution); ``raises``: dotted callables
    (from the module's name on; ``.`` for loading the module itself) that always raise, with exception class and message
    (``{name}`` stands for the installed version of that distribution); ``names``: names it certainly has (others
    unknown unless ``closed``); ``needs``: dotted names in other modules that its import asks for; ``lacks``: names
    that it once had and certainly has not.
    """

    when: str = ""
    beside: tuple[str, ...] = ()
    marker: str = ""
    module: str = ""
    raises: tuple[tuple[str, str, str], ...] = ()
    names: tuple[str, ...] = ()
    closed: bool = False
    needs: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Needle:
    """A pattern of a log rule, and what makes searching it quick.

    ``literals``: texts of which every match has one (none: it is tried on each line that is read closely);
    ``digits``: it tells one digit from another.
    """

    pattern: str
    literals: tuple[str, ...] = ()
    digits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRule(Rule):
    """A line of a log or of a pasted error, and what it means.

    ``pattern`` is the regex that finds it, searched in one line after colour, quoting, rank and time prefixes are
    taken off; ``after`` must match an earlier line, ``near`` a line at most 40 lines away; when ``until`` matches a
    later line the matter is over, and when ``unless`` matches the same line it never began. ``category`` is one
    word that groups (``missing_module``, ``binary_abi``, ``permission``, ``cluster``, ``wait``, ``stall``, ``data``,
    ``service``, ``auth``, ``user_code``, ``healthy`` ...). ``says`` is the sentence of the finding with the
    pattern's groups as ``{1}`` or ``{name}`` (else the title); ``advice`` are lines for the user, ``ask`` is one
    command whose output is wanted next.

    ``subjects`` are distributions, first the one that breaks (groups allowed); ``when`` are requirements: when the
    paste tells a version that is outside them, the rule does not hold. ``explains`` are ids of rules whose
    findings are consequences of this one; ``consequence`` marks a line that only repeats another failure.
    Stages of a run: ``stage`` is the name, ``order`` the place, ``estimate`` the usual time until the next stage,
    as ``"20 s - 70 s"`` or ``"steps"`` (log_steps * batch_size / rate); ``typical`` are ``name=value`` facts to
    reckon with when the log does not say them (``batch_size``, ``rate``, ``log_steps``). ``needles`` follow from the
    patterns: no file says them.
    """

    pattern: str = ""
    after: str = ""
    until: str = ""
    stage: str = ""
    order: int = 0
    category: str = ""
    advice: tuple[str, ...] = ()
    ask: str = ""
    estimate: str = ""
    says: str = ""
    near: str = ""
    unless: str = ""
    subjects: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()
    consequence: bool = False
    typical: tuple[str, ...] = ()
    needles: tuple[Needle, ...] = ()

    @property
    def patterns(self) -> tuple[str, ...]:
        """Its regexes, those that it has."""
        return tuple(text for text in (self.pattern, self.after, self.until, self.near, self.unless) if text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """All active rules, in id order."""

    breakages: tuple[Breakage, ...] = ()
    stacks: tuple[Stack, ...] = ()
    natives: tuple[NativeContract, ...] = ()
    logs: tuple[LogRule, ...] = ()
    retired: tuple[str, ...] = ()

    def stack(self, stack_id: str) -> Stack | None:
        """The stack of that id, or the one that is also called so."""
        named = next((s for s in self.stacks if s.id == stack_id), None)
        return named or next((s for s in self.stacks if stack_id in s.also), None)
