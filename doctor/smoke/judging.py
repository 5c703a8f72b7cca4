"""Whether an exchange is an answer, and if not why: in the words of the rules for logs, or of the table here.

The rules are those by which ``triage`` reads pasted errors, so a message means the same wherever it is met. Codes of
the gateway changed over time; the message is asked first, the address and the status only when it says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from doctor.probe.redact import Redactor
from doctor.rulebook.load import load_rulebook
from doctor.rulebook.rules import LogRule
from doctor.smoke.service import Failure
from doctor.smoke.service_stream import Draft
from doctor.triage.matching import filled

_CATEGORIES = frozenset({"auth", "service", "wait", "rate_limit", "network", "proxy", "ssl"})
_ERROR_IDS = ("chatcmpl-api-error", "chatcmpl-metis-error")
_ERROR_TEXT = "[ERROR]"
_LONGEST = 300
_PASSING = frozenset({408, 425, 429, 502, 503, 504})  # statuses after which the same request may succeed (RFC 9110)
_FINISHES = frozenset({"stop", "length"})
_OK = 200

# What an answer lacks that is well-formed for its library: no message says it, so no rule can.
_LACKS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "page": (
        "a web page came instead of an answer: the address is not the service's, or the network wants a login first",
        ("open the address in a browser from this machine, and compare it with the documentation",),
    ),
    "redirect": (
        "the address answers with a redirect, which is not followed: the token would go to another place",
        ("give the address to which it leads, if you trust it",),
    ),
    "unreadable": (
        "what came is not the JSON of a chat completion",
        ("is the address that of an OpenAI-compatible service (it ends in /v1)?",),
    ),
    "empty": (
        "status 200 without anything in it",
        ("send the request again; if it stays, tell the operators the time of the request",),
    ),
    "choices": (
        "the answer has no choices: nothing was generated",
        ("send the request again; if it stays, tell the operators the answer's id",),
    ),
    "cut": (
        "the stream ended before the model had finished (no finish reason came)",
        (
            "do not count it as an answer; send the request again",
            "if it happens after the same time: a time limit between",
        ),
    ),
    "finish": (
        "the model did not end by itself nor at the token limit",
        ("'content_filter' and 'tool_calls' are no answers to a plain question: look at the request",),
    ),
    "tokens": (
        "the service says that it made no token",
        ("raise max_tokens (512 or more); send the request again",),
    ),
    "budget": (
        "the whole token budget went into the reasoning, so the answer is empty",
        ("raise max_tokens to 512 or more: reasoning and answer share it", "set the reasoning effort to low"),
    ),
    "silent": (
        "the model ended by itself and said nothing",
        ("send the request again; with the same seed it may stay so: change the question",),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The outside of an HTTP answer: what the judge needs besides its content."""

    method: str
    url: str
    status: int
    content_type: str = ""
    retry_after: str = ""

    @property
    def line(self) -> str:
        """As the clients' own logs write it, so that one rule reads both."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = ""
        return f'HTTP Request: {self.method} {self.url} "HTTP/1.1 {self.status} {phrase}"'.replace(' "', ' "')


class Judge:
    """Finds words for what went wrong; keeps the rules and what must never be shown."""

    def __init__(self, rules: Iterable[LogRule], secrets: Sequence[str] = ()) -> None:
        """Keep the rules about services and networks; ``secrets`` are taken out of all that is quoted."""
        chosen = [rule for rule in rules if rule.category in _CATEGORIES and rule.pattern and not rule.stage]
        self._rules = tuple((rule, re.compile(rule.pattern), re.compile(rule.unless or r"(?!)")) for rule in chosen)
        self._secrets = tuple(sorted((text for text in secrets if text), key=len, reverse=True))

    @classmethod
    def load(cls, extra: Sequence[str] = ()) -> Judge:
        """With the built-in rules and those of ``extra`` directories; raises ``RuleError``."""
        return cls(load_rulebook(extra, kinds=("log",)).logs)

    def keeping(self, *secrets: str) -> Judge:
        """The same that also keeps these texts secret."""
        other = Judge.__new__(Judge)
        other._rules = self._rules  # noqa: SLF001 - a copy of our own
        other._secrets = tuple(sorted({*self._secrets, *filter(None, secrets)}, key=len, reverse=True))  # noqa: SLF001
        return other

    def clean(self, text: str) -> str:
        """One line of at most some hundred characters, without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "<secret>")
        text = " ".join(Redactor()(text[: 4 * _LONGEST]).split())
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."

    # ---- the four ways in which a request fails

    def refused(self, answer: Answer, message: str) -> Failure:
        """An HTTP status that is no success; ``message`` is what its body says."""
        html = "html" in answer.content_type
        said = "" if html else message
        lines = [line for line in (said, answer.line) if line]
        if _is_redirect(answer.status):
            return self._lack("redirect", "", kind="http")
        found = self._words(lines)
        return Failure(
            rule=found[0],
            category=found[1] or "service",
            sentence=found[2] or f"the service answered with HTTP status {answer.status}",
            cures=found[3] or ("what it says stands beside; look at the documentation of the service",),
            said=self.clean(said or f"HTTP {answer.status}{', a web page' if html else ''}"),
            kind="http",
            retry=found[1] in ("rate_limit", "wait") or answer.status in _PASSING,
            retry_after=_seconds(answer.retry_after),
        )

    def unreachable(self, lines: Sequence[str]) -> Failure:
        """No answer at all: the causes, outermost first."""
        rule, category, sentence, cures = self._words(lines)
        return Failure(
            rule=rule,
            category=category or "network",
            sentence=sentence or "the service cannot be reached",
            cures=cures or ("check the network, the proxy (https_proxy) and the address",),
            said=self.clean("; ".join(lines)),
            kind="network",
            retry=rule in ("network-reset", "network-timeout"),
        )

    def unfit(self, answer: Answer, draft: Draft, *, streamed: bool) -> Failure | None:
        """What an answer of status 200 carries instead of one, or lacks; None when it is a valid answer."""
        text = "".join(draft.text)
        if draft.error:
            return self._inside(draft.error)
        if text.lstrip().startswith(_ERROR_TEXT) or draft.answer_id in _ERROR_IDS:
            marked = text if _ERROR_TEXT in text else f"{draft.answer_id} {text}"
            return self._inside(marked)
        lack = _lack(answer, draft, streamed=streamed)
        return self._lack(lack, draft.unreadable or draft.finish) if lack else None

    def _inside(self, message: str) -> Failure:
        """An error that arrived with status 200."""
        rule, _, sentence, cures = self._words([message])
        outer = self._named("service-stream-error" if _ERROR_TEXT in message else "service-stream-object")
        if rule in ("", outer[0]):
            rule, sentence, cures = outer[0], outer[2], outer[3]
        else:  # what is behind the error, with the warning that it came as a success
            cures = (*cures, f"mind: {outer[2]}") if outer[2] else cures
        category = self._category(rule) or "service"
        return Failure(
            rule=rule,
            category=category,
            sentence=sentence or "the answer has HTTP status 200 but carries an error",
            cures=cures,
            said=self.clean(message),
            kind="in-200",
            retry=category in ("rate_limit", "wait")
            or bool(re.search(r"\b(?:429|50[234])\b|[Tt]im(?:ed |e)out", message)),
        )

    def _lack(self, what: str, said: str, kind: str = "answer") -> Failure:
        sentence, cures = _LACKS[what]
        return Failure(
            rule=f"answer-{what}",
            category="answer" if kind == "answer" else "service",
            sentence=sentence,
            cures=cures,
            said=self.clean(said),
            kind=kind,
            retry=what in ("cut", "empty"),
        )

    # ---- rules

    def _words(self, lines: Sequence[str]) -> tuple[str, str, str, tuple[str, ...]]:
        """Id, category, sentence and cures of the rule that tells most about the first line that one knows."""
        for line in lines:
            found = [
                (rule, match)
                for rule, pattern, unless in self._rules
                if (match := pattern.search(line[:4096])) and not unless.search(line[:4096])
            ]
            explained = {identity for rule, _ in found for identity in rule.explains}
            found = [(rule, match) for rule, match in found if rule.id not in explained] or found
            if found:
                rule, match = min(found, key=lambda pair: (pair[0].consequence, -len(pair[0].pattern)))
                groups = {name: self.clean(text) for name, text in match.groupdict().items() if text}
                return rule.id, rule.category, filled(rule.says or rule.title, groups), rule.advice
        return "", "", "", ()

    def _named(self, identity: str) -> tuple[str, str, str, tuple[str, ...]]:
        """The words of one rule."""
        for rule, _, _ in self._rules:
            if rule.id == identity:
                return rule.id, rule.category, rule.says or rule.title, rule.advice
        return identity, "service", "", ()

    def _category(self, identity: str) -> str:
        return next((rule.category for rule, _, _ in self._rules if rule.id == identity), "")


def _lack(answer: Answer, draft: Draft, *, streamed: bool) -> str:
    """The key of what an answer lacks ('' for nothing): the rules of a valid smoke answer."""
    text, reasoning = "".join(draft.text), "".join(draft.reasoning)
    nothing = not text.strip() and not reasoning.strip()
    cases = (
        ("page", draft.events == 0 and "html" in answer.content_type),
        ("empty", draft.events == 0 and not draft.unreadable),
        ("unreadable", draft.events == 0 or (bool(draft.unreadable) and draft.choices == 0)),
        ("choices", draft.choices == 0),
        ("cut", not draft.finish and streamed),
        ("finish", draft.finish not in _FINISHES),
        ("tokens", draft.usage.completion == 0),
        ("budget", nothing and draft.finish == "length"),
        ("silent", nothing),
    )
    return next((name for name, holds in cases if holds), "")


def explain_empty(text: str, finish: str) -> tuple[str, tuple[str, ...]] | None:
    """Sentence and cures for a valid exchange that nevertheless answers nothing; None when it answers.

    Reasoning counts as a sign of life, not as an answer.
    """
    if finish == "length" and not text.strip():
        return _LACKS["budget"]
    if finish == "length":
        return "the answer was cut at the token limit", ("raise max_tokens: reasoning and answer share it",)
    return None if text.strip() else _LACKS["silent"]


def _is_redirect(status: int) -> bool:
    return 300 <= status < 400  # noqa: PLR2004 - RFC 9110, section 15.4


def _seconds(text: str) -> float | None:
    """``Retry-After`` in seconds (RFC 9110, section 10.2.3); dates are not used by these services."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 86400 else None  # noqa: PLR2004 - a day
