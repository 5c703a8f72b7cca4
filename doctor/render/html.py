"""One self-contained HTML file for a check or a triage answer: no scripts, nothing from elsewhere.

Readable in light and dark, by keyboard (details open with Enter), on a phone and on paper. All text of the patient is
escaped, and a content security policy forbids everything but the page's own style.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

from doctor import __version__
from doctor.model import Environment, Finding, Fix, Report, Safety, Severity
from doctor.render.answer import command, facts, roots
from doctor.render.escape import shown
from doctor.render.fold import Cause, causes
from doctor.render.page import counted
from doctor.triage.diagnosis import Answer
from doctor.triage.timeline import Timeline, duration

Clean = Callable[[str], str]
_SAFETY = {Safety.SAFE: "proven", Safety.UNSAFE: "not proven for this environment", Safety.MANUAL: "by hand"}

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#4b5563;--page:#fff;--card:#f6f7f9;--line:#c9ced6;
--error:#a3121f;
--warning:#7a4b00;--note:#1f4f8f;--good:#0b5d2b;--focus:#0b57d0}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#b4bac3;--page:#14171a;--card:#1e2226;
--line:#3c434b;
--error:#ff9a94;--warning:#f2bf5e;--note:#9cc4ff;--good:#86d9a0;--focus:#9cc4ff}
}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}
main,header,footer{max-width:62rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;margin:.5rem 0}
h2{font-size:1.2rem;margin:2rem 0 .5rem}
h3,.card h2{font-size:1.05rem;margin:0;overflow-wrap:anywhere}
.card{border:1px solid var(--line);border-left:.4rem solid var(--note);background:var(--card);
border-radius:.4rem;padding:1rem;margin:1rem 0}
.card.error{border-left-color:var(--error)}
.card.warning{border-left-color:var(--warning)}
.card.good{border-left-color:var(--good)}
.word{font-weight:700;text-transform:uppercase;font-size:.8rem;letter-spacing:.04em}
.error>.word{color:var(--error)}
.warning>.word{color:var(--warning)}
.note>.word{color:var(--note)}
.good>.word{color:var(--good)}
pre,code{font-family:ui-monospace,monospace;font-size:.92em}
pre{overflow-x:auto;background:var(--page);border:1px solid var(--line);border-radius:.3rem;padding:.6rem;
margin:.4rem 0}
ul,ol{padding-left:1.4rem;margin:.4rem 0}
li,dd,p{overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
caption{text-align:left;color:var(--soft);padding:.3rem 0}
.soft{color:var(--soft)}
summary{cursor:pointer;padding:.3rem 0}
a{color:var(--note)}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:1rem;background:var(--page);padding:.5rem}
.wide{overflow-x:auto}
@media print{.card{break-inside:avoid}
}
"""


def render_html(report: Report, clean: Clean = str) -> str:
    """A check's report as a page."""
    found = causes(report.findings)
    body: list[str] = []
    if not found and not report.crashed:
        body.append(_card("good", "healthy", "Nothing is wrong", []))
    for cause in found:
        finding = cause.finding
        inside = [*_finding(finding, clean)]
        if cause.folded:
            items = "".join(f"<li>{_text(other.message, clean)}</li>" for other in cause.folded)
            follow = f"{counted(len(cause.folded), 'more finding')} explained by it"
            inside.append(f"<details><summary>{follow}</summary><ul>{items}</ul></details>")
        word = cause.severity.value
        body.append(_card(word, word, _text(finding.message, clean), inside))
    body += [
        _card(
            "warning",
            "not finished",
            f"The check {_text(c.check, clean)} could not finish",
            [_paragraph(c.reason, clean)],
        )
        for c in report.crashed
    ]
    if report.environment:
        body.append(_environment(report.environment, report.stack, clean))
    return html_page("acdoctor check", _title(report, found), body)


def _title(report: Report, found: Sequence[Cause]) -> str:
    """What there is, in numbers; a check that could not finish is no health."""
    if report.crashed:
        return "not all checks could finish"
    counts = ((severity, sum(cause.severity is severity for cause in found)) for severity in Severity)
    return ", ".join(counted(number, severity.value) for severity, number in counts if number) or "healthy"


def render_answer_html(answer: Answer, clean: Clean = str) -> str:
    """A triage answer as a page."""
    found = roots(answer)
    body = []
    for one in found:
        word = "good" if one.category == "healthy" else one.finding.severity.value
        inside = ["<ul>", *(f"<li>{_text(text, clean)}</li>" for text in facts(one, answer)), "</ul>"]
        inside += [*_chain(one.finding.chain, clean), *_fixes(one.finding.fixes, clean)]
        if one.advice:
            inside += ["<p>What to do:</p><ul>", *(f"<li>{_text(text, clean)}</li>" for text in one.advice), "</ul>"]
        if one.ask:
            inside.append(f"<p>Please send the output of</p>{_code(one.ask, clean)}")
        body.append(_card(word, "nothing wrong" if word == "good" else word, _text(one.finding.message, clean), inside))
    if not found:
        body.append(_card("note", "unknown", "Nothing known to be wrong was found in the text", []))
    if answer.timeline:
        body.append(_timeline(answer.timeline))
    if answer.environment:
        body.append(_environment(answer.environment, None, clean))
    elif answer.versions.known:
        body.append(_versions(answer, clean))
    errors = sum(one.finding.severity is Severity.ERROR for one in found)
    return html_page("acdoctor triage", f"{counted(errors, 'error')} in {counted(answer.lines, 'line')} of text", body)


def html_page(title: str, subtitle: str, body: list[str]) -> str:
    """The frame of every page: head, policy, style, and what stands in it (already escaped)."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}: {escape(subtitle)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#findings">To the findings</a>\n'
        f'<header><h1>{escape(title)}</h1><p class="soft">{escape(subtitle)}</p></header>\n'
        '<main id="findings">\n' + "\n".join(body) + "\n</main>\n"
        f'<footer class="soft"><p>acdoctor {escape(__version__)}</p></footer>\n</body>\n</html>\n'
    )


def _text(text: str, clean: Clean) -> str:
    """Text of the patient, harmless."""
    return escape(shown(clean(text), limit=1000))


def _paragraph(text: str, clean: Clean) -> str:
    return f"<p>{_text(text, clean)}</p>"


def _code(text: str, clean: Clean) -> str:
    # A scrolling block must be reachable by keyboard.
    return f'<pre tabindex="0"><code>{_text(text, clean)}</code></pre>'


def _card(kind: str, word: str, headline: str, inside: list[str]) -> str:
    head = f'<span class="word">{escape(word)}</span><h2>{headline}</h2>'
    return f'<section class="card {kind}">{head}{"".join(inside)}</section>'


def _finding(finding: Finding, clean: Clean) -> Iterator[str]:
    if finding.where:
        line = f":{finding.where.line}" if finding.where.line else ""
        yield f"<p>at <code>{_text(finding.where.path + line, clean)}</code></p>"
    if finding.details:
        yield "<ul>" + "".join(f"<li>{_text(text, clean)}</li>" for text in finding.details) + "</ul>"
    yield from _chain(finding.chain, clean)
    yield from _fixes(finding.fixes, clean)


def _chain(chain: tuple[str, ...], clean: Clean) -> Iterator[str]:
    if len(chain) > 1:
        steps = "".join(f"<li><code>{_text(name, clean)}</code></li>" for name in chain)
        yield f"<details><summary>reached in {len(chain)} steps</summary><ol>{steps}</ol></details>"


def _fixes(fixes: tuple[Fix, ...], clean: Clean) -> Iterator[str]:
    for number, fix in enumerate(fixes):
        yield f"<p>{'Cure' if number == 0 else 'Or'} ({_SAFETY[fix.safety]}): {_text(fix.because, clean)}</p>"
        yield _code(command(fix), clean)


def _timeline(timeline: Timeline) -> str:
    rows = []
    for step in timeline.steps:
        at = f"{step.at:%Y-%m-%d %H:%M:%S}" if step.at else ""
        took = duration(step.seconds) if step.seconds is not None and step.seconds >= 0 else ""
        rows.append(
            f'<tr><td>{at}</td><th scope="row">{escape(step.stage)}</th><td>{took}</td><td>{step.line}</td></tr>'
        )
    end = timeline.silence
    note = f"<p>{escape(end.basis)}</p>" if end and end.basis else ""
    return (
        '<h2>Stages of the run</h2><div class="wide" tabindex="0" role="region" aria-label="Stages of the run">'
        f"<table><caption>{len(timeline.steps)} stages</caption><thead><tr>"
        '<th scope="col">time</th><th scope="col">stage</th><th scope="col">took</th><th scope="col">line</th>'
        "</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>{note}"
    )


def _environment(environment: Environment, stack: str | None, clean: Clean) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_text(d.name, clean)}</th><td>{_text(d.version, clean)}</td></tr>'
        for d in sorted(environment.distributions, key=lambda d: d.name)
    )
    known = f", stack {_text(stack, clean)}" if stack else ""
    return (
        f"<h2>Environment</h2><p><code>{_text(environment.path, clean)}</code>, Python "
        f"{_text(environment.python_version, clean)}, "
        f"{_text(environment.platform, clean)}{known}</p><details><summary>"
        f"{len(environment.distributions)} distributions</summary>"
        '<table><caption>installed</caption><thead><tr><th scope="col">name</th><th scope="col">version</th>'
        f"</tr></thead><tbody>{rows}</tbody></table></details>"
    )


def _versions(answer: Answer, clean: Clean) -> str:
    items = "".join(f"<li>{_text(f'{n} {v}', clean)}</li>" for n, v in sorted(answer.versions.known.items()))
    return (
        f"<h2>Versions that the text tells</h2><details><summary>{len(answer.versions.known)} "
        f"versions</summary><ul>{items}</ul></details>"
    )
