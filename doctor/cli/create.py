"""``acdoctor create``: an environment from a stack's known-good set, checked at the end."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from doctor.checks.examine import Options, examine
from doctor.cli.drift import needing_the_index
from doctor.cli.output import page_for, say
from doctor.cli.output_bytes import transfer
from doctor.cli.settings import Settings, current_settings
from doctor.errors import IndexUnavailableError, UsageError
from doctor.index.index import open_index
from doctor.render.escape import shown
from doctor.render.text import render_text
from doctor.rulebook.known_good import lock_folder
from doctor.rulebook.load import load_rulebook
from doctor.stacks.create import Created, Recipe, check_checkout, likely_python
from doctor.stacks.create import create as create_environment
from doctor.stacks.locking import known_stack
from doctor.stacks.shopping import Shopping, Wish, plan_shopping

_STILL_WORKS = (
    "From a folder with the files of the set it works without an index: --offline --find-links DIR; "
    "--dry-run names the files, acdoctor constraints the versions."
)


@click.command()
@click.argument("stack_id", metavar="STACK")
@click.argument("folder", metavar="DIR")
@click.option("--checkout", "--modelzoo", metavar="DIR", default="", help="The working copy to install editable.")
@click.option("--without", metavar="WHAT", multiple=True, help="Leave out what the stack lets you (repeatable).")
@click.option("--without-cuda", is_flag=True, help="The same as --without cuda.")
@click.option("--find-links", metavar="DIR", multiple=True, help="Take files from DIR first: a CPU torch, wheels.")
@click.option("--archive", "archives", metavar="NAME=PATH", multiple=True, help="Your copy of what no index has.")
@click.option("--python", metavar="X", default="", help="The interpreter: 3.11 or a path.")
@click.option("--lock", "lock_path", metavar="DIR", default="", help="Use the pylock.toml in DIR.")
@click.option("--dry-run", is_flag=True, help="Show what would be fetched and installed; change nothing.")
def create(
    stack_id: str,
    folder: str,
    checkout: str,
    without: tuple[str, ...],
    without_cuda: bool,
    find_links: tuple[str, ...],
    archives: tuple[str, ...],
    python: str,
    lock_path: str,
    dry_run: bool,
) -> int:
    """Make an environment from a stack's known-good set, and check it.

    Every file is checked against the lock's hash. When it is interrupted, the same command continues. Exit code:
    0 made and healthy, 1 made and something is missing or broken, 2 usage, 3 not made (the same command continues).
    """
    settings = current_settings()
    stack = known_stack(load_rulebook(settings.rules, ("stack", "breakage")), stack_id)
    recipe = Recipe(stack=stack, folder=Path(lock_path) if lock_path else lock_folder(stack))
    options = tuple(dict.fromkeys((*without, *(("cuda",) if without_cuda else ()))))
    wish = Wish(without=options, find_links=find_links, archives=_archives(archives), checkout=checkout, python=python)
    if dry_run:
        lock = recipe.lock()
        check_checkout(stack, checkout)
        shopping = plan_shopping(stack, lock, wish, likely_python(lock, python, sys.version_info[:2]))
        say(_shown_plan(shopping, verbose=settings.verbose))
        return 0
    index = open_index(offline=settings.offline, find_links=find_links)
    with needing_the_index(_STILL_WORKS), transfer(settings) as reporting:
        try:
            created = create_environment(recipe, folder, wish, index, reporting)
        except (KeyboardInterrupt, IndexUnavailableError):
            reporting.step("what has come is kept: the same command continues")
            raise
    say(_shown_created(created, stack_id))
    return _check(str(created.folder), stack_id, settings) or int(bool(created.missing))


def _check(folder: str, stack_id: str, settings: Settings) -> int:
    """The examination that every creation ends with."""
    report = examine(folder, Options(stack=stack_id, assumed=settings.assumed, rules=settings.rules))
    say(render_text(report, page_for(settings, next_step=f"acdoctor fix {folder}")))
    return report.exit_code


def _archives(texts: tuple[str, ...]) -> dict[str, str]:
    from packaging.utils import canonicalize_name  # noqa: PLC0415 - most calls name none

    found = {}
    for text in texts:
        name, _, path = text.partition("=")
        if not name or not path:
            raise UsageError(f"--archive wants NAME=PATH, not {text!r}.")
        found[str(canonicalize_name(name))] = path
    return found


def _shown_plan(shopping: Shopping, *, verbose: bool) -> str:
    """What would be done, largest files first."""
    lines = []
    ordered = sorted(shopping.items, key=lambda item: -(item.file.size or 0))
    for item in ordered if verbose else ordered[:10]:
        where = f"   from {item.path}" if item.path else ""
        lines.append(f"  {(item.file.size or 0) / 1e6:8.1f} MB  {item.name} {item.version}{where}")
    if not verbose and len(ordered) > 10:  # noqa: PLR2004 - a screen
        rest = sum(item.file.size or 0 for item in ordered[10:])
        lines.append(f"  {rest / 1e6:8.1f} MB  {len(ordered) - 10} more (-v shows all)")
    lines += [f"  left out  {', '.join(shopping.left_out)}"] if shopping.left_out else []
    lines += [
        f"  archive   {item.archive.name} from {item.path or item.archive.url} (has no hash)"
        for item in shopping.archives
    ]
    lines.append(
        f"{len(shopping.items)} distributions, {shopping.download / 1e6:,.0f} MB to fetch, about "
        f"{shopping.installed / 1e9:.1f} GB installed. Nothing was changed."
    )
    return "".join(f"{shown(line)}\n" for line in lines)


def _shown_created(created: Created, stack_id: str) -> str:
    lines = [f"{stack_id} is installed in {created.folder} (with {created.installer}, every hash checked)."]
    if created.left_out:
        lines.append(f"Left out, for the host to bring: {', '.join(created.left_out)}.")
    for name, reason, need in created.missing:
        lines.append(f"NOT installed: {name}: {reason}")
        lines.append(f"    {need}. When you have a copy of it (next time: --archive {name}=PATH):")
        lines.append(f"    {created.folder}/bin/python -m pip install --no-deps --no-build-isolation PATH")
    return "".join(f"{shown(line, limit=2000)}\n" for line in lines) + "\n"
