"""``acdoctor rules`` as the user types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from doctor.cli.main import run
from doctor.rulebook.explain import describe
from doctor.rulebook.load import all_rules


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run(["rules", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_list_names_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ask(capsys, "list")
    assert code == 0
    assert {line.split()[0] for line in out.splitlines() if line[:1].strip()} == {
        "id",
        *(rule.id for rule in all_rules()),
    }


def test_list_fits_its_width_and_one_kind(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = ask(capsys, "list", "--kind", "breakage")
    assert code == 0
    assert "peft-0.18.0-transformers" in out
    assert "cerebras-r2.6.0" not in out
    assert max(map(len, out.splitlines())) <= 80


def test_show_tells_everything(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ask(capsys, "show", "peft-0.18.0-transformers")
    assert code == 0
    for word in (
        "transformers.modeling_layers",
        "evidence (run, 2026-11-23)",
        "must find",
        "must leave alone",
        "peft==0.17.1",
    ):
        assert word in out


def test_every_rule_can_be_told() -> None:
    for rule in all_rules():
        told = describe(rule, 80)
        assert rule.title in told
        assert rule.evidence[0].on in told


def test_show_of_a_slip_names_the_neighbour(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ask(capsys, "show", "peft-0.18.0-transfomers")
    assert (code, out) == (2, "")
    assert "Did you mean peft-0.18.0-transformers?" in err


def test_new_then_test_then_new_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = ask(capsys, "new", "breakage", "lib-1.0")
    assert code == 0
    assert "acdoctor rules test lib-1.0.toml" in out
    written = (tmp_path / "lib-1.0.toml").read_text()

    code, out, _ = ask(capsys, "test", "lib-1.0.toml")
    assert code == 3
    assert "together[0]: must be a string that is not empty" in out

    code, _, err = ask(capsys, "new", "breakage", "lib-1.0")
    assert code == 2
    assert "exists already" in err
    assert (tmp_path / "lib-1.0.toml").read_text() == written


def test_new_goes_into_the_folder_of_a_checkout(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules" / "stacks").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert ask(capsys, "new", "stack", "vendor-r1")[0] == 0
    assert (tmp_path / "rules" / "stacks" / "vendor-r1.toml").is_file()
    assert ask(capsys, "new", "stack", "vendor-r2", "--into", str(tmp_path / "nowhere"))[0] == 2


@pytest.mark.parametrize("bad", ["Upper", "../up", "a b", "", "peft-0.18.0-transformers"])
def test_new_refuses_an_id(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ask(capsys, "new", "breakage", bad)[0] == 2
    assert list(tmp_path.iterdir()) == []


def test_test_of_a_rule_that_does_not_keep_its_word(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rule = next(rule for rule in all_rules() if rule.id == "peft-0.18.0-transformers")
    text = Path(rule.path).read_text("utf-8")
    copy = tmp_path / "peft-0.18.0-transformers.toml"
    copy.write_text(text.replace("'peft==0.18.0', 'transformers>", "'peft==0.18.2', 'transformers>"))
    code, out, _ = ask(capsys, "test", str(copy))
    assert code == 1
    assert "peft-0.18.0-transformers: example[0]" in out
    copy.write_text(text)
    assert ask(capsys, "test", str(copy))[0] == 0


def test_stale_counts_days(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ask(capsys, "stale", "--days", "100000")
    assert code == 0
    assert out.startswith("0 of ")


def test_a_typo_in_the_users_rules_is_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("kind = 'breakage'\nschema = 1\nidd = 'mine'\n")
    code, out, err = ask(capsys, "list", "--rules", str(tmp_path))
    assert (code, out) == (3, "")
    assert "idd: unknown key; did you mean id?" in err
    assert "Traceback" not in err
