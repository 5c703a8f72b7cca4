"""The HTML page: self-contained, harmless, readable by everybody; looked at by a real browser where there is one."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pastes import PEFT, RUN, ask

from doctor.model import Crash, Evidence, Finding, Fix, Location, Report, Severity
from doctor.probe.redact import Redactor
from doctor.render.html import _STYLE, render_answer_html, render_html

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> \x1b[31m javascript:x"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
VOID = {"meta", "br", "hr", "img", "link"}


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.levels: list[int] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def check_page() -> str:
    finding = Finding(
        rule="x",
        severity=Severity.ERROR,
        subjects=("peft==0.18.0",),
        message=EVIL,
        evidence=Evidence.STATIC,
        details=(EVIL,),
        where=Location(path=EVIL, line=3),
        chain=("a", EVIL, "c"),
        fixes=(Fix(install=("peft==0.17.1",), because=EVIL),),
    )
    return render_html(
        Report(environment=None, stack=None, findings=(finding,), crashed=(Crash(check="y", reason=EVIL),))
    )


def answer_page() -> str:
    found = ask(PEFT + "\nRuntimeError: " + EVIL + "\npeft==0.18.0\ntransformers==4.45.2\naccelerate==1.0.0\n" + RUN)
    return render_answer_html(found, Redactor())


PAGES = {
    "check": check_page,
    "triage": answer_page,
    "healthy": lambda: render_html(Report(environment=None, stack=None, findings=())),
}


@pytest.mark.parametrize("name", PAGES)
def test_well_formed_self_contained_and_harmless(name: str) -> None:
    text = PAGES[name]()
    page = Page(text)
    assert page.wrong == []
    assert page.open == []
    names = [tag for tag, _ in page.tags]
    assert not {"script", "img", "iframe", "link", "object", "form"} & set(names)
    for _, attributes in page.tags:
        assert not any(key.startswith("on") for key in attributes)
        assert (attributes.get("href") or "#").startswith("#")
        assert "src" not in attributes
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert "\x1b" not in text


@pytest.mark.parametrize("name", PAGES)
def test_structure_for_everybody(name: str) -> None:
    page = Page(PAGES[name]())
    tags = dict(page.tags)
    assert tags["html"]["lang"] == "en"
    assert {"title", "main", "header", "footer"} <= set(tags)
    assert "width=device-width" in (tags.get("meta") or {}).get("content", "") or 'name="viewport"' in PAGES[name]()
    assert page.levels[0] == 1
    assert all(after - before <= 1 for before, after in zip(page.levels, page.levels[1:], strict=False))
    for tag, attributes in page.tags:
        if tag == "th":
            assert attributes.get("scope") in ("col", "row")
        if tag in ("pre",):
            assert attributes.get("tabindex") == "0"


def _luminance(color: str) -> float:
    digits = color if len(color) == 6 else "".join(c * 2 for c in color)
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1])
def test_contrast_is_enough_in_light_and_dark(scheme: int) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1 for text."""
    block = re.findall(r":root\{([^}]*)\}", _STYLE)[scheme]
    colors = dict(re.findall(r"--(\w+):#([0-9a-f]{3,6})", block))
    for ink in ("ink", "soft", "error", "warning", "note", "good"):
        for ground in ("page", "card"):
            bright, dark = sorted((_luminance(colors[ink]), _luminance(colors[ground])), reverse=True)
            assert (bright + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)


def _pixels(path: Path) -> tuple[int, int, set[bytes]]:
    """Width, height and the colours of the rows' raw bytes of a PNG (unfiltered enough to see that it is not blank)."""
    data = path.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    body, at = b"", 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            body += data[at + 8 : at + 8 + size]
        at += size + 12
    raw = zlib.decompress(body)
    return width, height, {raw[i : i + 3] for i in range(0, len(raw) - 3, 997)}


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
@pytest.mark.parametrize(("width", "dark"), [(1200, False), (1200, True), (360, False)])
def test_a_real_browser_shows_it(tmp_path: Path, width: int, dark: bool) -> None:
    page = tmp_path / "page.html"
    page.write_text(answer_page())
    picture = tmp_path / "page.png"
    options = ["--force-dark-mode", "--enable-features=WebContentsForceDark"] if dark else []
    subprocess.run(
        [
            str(BROWSER),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={tmp_path}/p",
            *options,
            f"--window-size={width},1400",
            f"--screenshot={picture}",
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    wide, _, colors = _pixels(picture)
    assert wide == width
    assert len(colors) > 20
    done = subprocess.run(
        [
            str(BROWSER),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path}/p",
            "--dump-dom",
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert b"alert(1)" not in re.sub(
        rb"&lt;script&gt;alert\(1\)&lt;/script&gt;|onerror=alert\(1\)&gt;", b"", done.stdout
    )


def test_the_page_counts_causes_and_calls_no_crash_healthy() -> None:
    found = Finding(rule="x", severity=Severity.ERROR, subjects=("a==1",), message="m", evidence=Evidence.STATIC)
    other = Finding(rule="y", severity=Severity.ERROR, subjects=("b==1",), message="n", evidence=Evidence.STATIC)
    folded = replace(found, explains=(other.key,))
    page = render_html(Report(environment=None, stack=None, findings=(folded, other)))
    assert ">1 error<" in page
    assert "1 more finding explained by it" in page
    crashed = render_html(Report(environment=None, stack=None, findings=(), crashed=(Crash(check="y", reason="r"),)))
    assert "Nothing is wrong" not in crashed
    assert "not all checks could finish" in crashed
    assert "Nothing is wrong" in render_html(Report(environment=None, stack=None, findings=()))
