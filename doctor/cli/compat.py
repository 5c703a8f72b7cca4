"""``acdoctor compat``: which versions of one distribution import beside which versions of another."""

from __future__ import annotations

import datetime as dt

import click

from doctor.cli.output import deliver, page_for, progress
from doctor.cli.settings import current_settings
from doctor.render.escape import shown


@click.command()
@click.argument("left", metavar="A")
@click.argument("right", metavar="B")
@click.option("--python", metavar="VERSION", default="", help="For this Python (3.11); default: ours.")
@click.option("--size", type=click.IntRange(1, 60), default=12, show_default=True, help="At most so many of each.")
@click.option("--thin", is_flag=True, help="Spread them over the minor releases, not the newest in a row.")
@click.option("--exact", is_flag=True, help="Look between the versions shown for where it changes.")
@click.option("--entry", "entries", metavar="X", multiple=True, help="Import this module of A, not A itself.")
@click.option("--format", "form", type=click.Choice(["text", "json", "svg"]), default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", default="", help="Write the table to FILE.")
def compat(
    left: str,
    right: str,
    python: str,
    size: int,
    thin: bool,
    exact: bool,
    entries: tuple[str, ...],
    form: str,
    output: str,
) -> int:
    """Show which versions of A can be imported beside which versions of B.

    A and B are names, or requirements that choose the versions ('peft>=0.14'). Read are the real wheels; everything
    else is as the index stood when the newer of both appeared. Nothing is installed or run. What a rule may say is
    printed below the table. Exit code: 0 the table is made, 2 usage, 3 no index.
    """
    from doctor.cli.drift import index_for, needing_the_index, python_specifier  # noqa: PLC0415 - help must be quick
    from doctor.render.compat import Grid, render_compat, render_compat_json, render_compat_svg  # noqa: PLC0415
    from doctor.rulebook.load import load_rulebook  # noqa: PLC0415
    from doctor.stacks.compat import Comparison, Question  # noqa: PLC0415
    from doctor.stacks.compat_rule import refine, together  # noqa: PLC0415
    from doctor.stacks.compat_workers import Workers  # noqa: PLC0415
    from doctor.stacks.from_nothing_interpreter import interpreter_for  # noqa: PLC0415
    from doctor.stacks.from_nothing_verdict import Subject  # noqa: PLC0415
    from doctor.stacks.resolution_kept import KeptResolutions  # noqa: PLC0415
    from doctor.stacks.resolution_metadata import MetadataReader  # noqa: PLC0415

    settings = current_settings()
    interpreter, _ = interpreter_for(python_specifier(python))
    today = dt.datetime.now(tz=dt.UTC).date()
    index = index_for(settings)
    subject = Subject(interpreter=interpreter, assumed=settings.assumed)
    rulebook = load_rulebook(settings.rules, ("breakage", "stack", "native"))
    table = Comparison(
        question=Question(
            left=left,
            right=right,
            interpreter=interpreter,
            size=size,
            thin=thin,
            entries=entries,
            assumed=settings.assumed,
        ),
        index=index,
        resolutions=KeptResolutions(index, MetadataReader(index), today),
        judge=Workers(index=index, rulebook=rulebook, subject=subject),
    )
    with needing_the_index(), progress(f"comparing versions of {shown(left)} and {shown(right)}", settings):
        lefts, rights = table.axes()
        table.fill((a, b) for a in lefts for b in rights)
        if exact:
            lefts, rights = refine(table, lefts, rights)
    grid = Grid(
        left=table.left,
        right=table.right,
        python=interpreter.version,
        lefts=lefts,
        rights=rights,
        cells=table.cells,
        together=together(table),
        made_on=today.isoformat(),
    )
    to_file = output not in ("", "-")
    if form == "json":
        text = render_compat_json(grid)
    elif form == "svg":
        text = render_compat_svg(grid)
    else:
        text = render_compat(grid, page_for(settings, to_file=to_file))
    deliver(text, output)
    return 0
