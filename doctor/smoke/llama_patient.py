"""The environment that a smoke run uses: its programs, its variables, and what each rung misses in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import join

from doctor.model import Environment
from doctor.probe.files import DiskFiles
from doctor.rulebook.match import recognise
from doctor.rulebook.rules import Rulebook
from doctor.smoke import llama_recipe as recipe


@dataclass(frozen=True, kw_only=True)
class Patient:
    """An environment, and where in it everything is ('' for what is not there).

    ``entries`` are what rung 1 imports, as ``module`` or ``module:attribute``; ``variables`` those of every process
    that is started, as an activated shell has them.
    """

    environment: Environment
    python: str
    launcher: str
    lowering: str
    shipped: str
    entries: tuple[str, ...]
    stack: str | None
    variables: Mapping[str, str]
    cluster: str

    def missing(self, rung: str, options: recipe.Options) -> tuple[str, ...]:
        """What a rung needs and the environment (or the machine) has not, each as a phrase; () when all is there."""
        if not self.python:
            reason = self.environment.start_failure or "it has none"
            return (f"a Python that starts ({reason})",)
        return tuple(self._missing(rung, options))

    def _missing(self, rung: str, options: recipe.Options) -> Iterator[str]:
        for name in (recipe.CLIENT, recipe.MODELZOO):
            if self.environment.distribution(name) is None:
                yield f"the distribution {name}"
        if rung == recipe.IMPORTS:
            return
        if not self.launcher:
            yield f"the command {recipe.LAUNCHER} in {self.environment.scripts_dir or 'its bin'}"
        if rung == recipe.COMPILE and not self.lowering:
            yield f"the program {recipe.LOWERING} in {self.environment.scripts_dir or 'its bin'}"
        if rung != recipe.TRAINING and not (options.params or self.shipped):
            yield f"the file {recipe.SHIPPED} of the Model Zoo (or --params FILE)"
        if rung == recipe.APPLIANCE and not self.cluster and "--mgmt_address" not in options.arguments:
            yield (
                f"a cluster (neither {recipe.CLUSTER_FILE} nor the file that ${recipe.CLUSTER_VARIABLE} names is here: "
                "this is no user node)"
            )


def find_patient(environment: Environment, rulebook: Rulebook, environ: Mapping[str, str]) -> Patient:
    """Look up what a smoke run needs; nothing is started. ``environ`` is the caller's own."""
    files = DiskFiles()
    stack = recognise(rulebook, environment)
    wanted = stack.entries if stack and f"script:{recipe.LAUNCHER}" in stack.entries else recipe.ENTRIES
    scripts = environment.scripts_dir

    def program(name: str) -> str:
        facts = files.facts(join(scripts, name)) if scripts else None
        return join(scripts, name) if facts and facts.kind == "file" and facts.executable else ""

    def a_file(path: str) -> bool:
        facts = files.facts(path)
        return facts is not None and facts.kind == "file"

    shipped = (join(entry.path, recipe.SHIPPED) for entry in environment.search_path)
    cluster = environ.get(recipe.CLUSTER_VARIABLE) or recipe.CLUSTER_FILE
    return Patient(
        environment=environment,
        python=environment.interpreter.executable if environment.interpreter else "",
        launcher=program(recipe.LAUNCHER),
        lowering=program(recipe.LOWERING),
        shipped=next(filter(a_file, shipped), ""),
        entries=tuple(dict.fromkeys(_importable(entry, environment) for entry in wanted)),
        stack=stack.id if stack else None,
        variables=activated(environment, environ),
        cluster=cluster if a_file(cluster) else "",
    )


def _importable(entry: str, environment: Environment) -> str:
    """An entry as a module with an attribute; a console script that is not declared by its usual module."""
    kind, _, name = entry.partition(":")
    if kind != "script":
        return entry
    points = (point for d in environment.distributions for point in d.entry_points)
    found = next((p for p in points if p.group == "console_scripts" and p.name == name), None)
    return f"{found.module}:{found.attr}" if found else name


def activated(environment: Environment, environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's variables as ``bin/activate`` would set them.

    Its programs call others by name: started without this, the launcher fails in a place that has nothing to do
    with the cause. What it prints comes as it is printed.
    """
    variables = {key: value for key, value in environ.items() if key != "PYTHONHOME"}
    path = environ.get("PATH", "")
    variables["PATH"] = f"{environment.scripts_dir}:{path}" if path else environment.scripts_dir
    variables["VIRTUAL_ENV"] = environment.path
    variables["PYTHONUNBUFFERED"] = "1"
    return variables
