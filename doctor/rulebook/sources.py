"""Where rule files are: in a checkout's ``rules/``, inside the installed wheel, in directories of the user."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from doctor.errors import RuleError
from doctor.rulebook.reader import escaped, shown

# The folder of each kind, in a rules directory; a retired rule of any kind lies in RETIRED_FOLDER.
FOLDERS = {"stack": "stacks", "breakage": "breakages", "native": "natives", "log": "logs"}
KINDS = tuple(FOLDERS)
RETIRED_FOLDER = "retired"
SUFFIX = ".toml"
NAMES_FILE = "names.toml"  # lies in rules/ too, but is no rule: which distribution brings a module of another name


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFile:
    """One rule file: where it is, what to call it in a sentence, and the folder it lies in ('' for none)."""

    path: Path
    label: str
    folder: str = ""

    @property
    def stem(self) -> str:
        """The file's name without ``.toml``, which is the rule's id."""
        return self.path.name.removesuffix(SUFFIX)


def builtin_directory() -> Path:
    """The directory of the rules that come with the doctor.

    An installed wheel carries them beside its code in ``_data/rules``, a checkout has them at its top level.
    Raises ``RuleError`` when neither is there: a doctor without rules must not call anything healthy.
    """
    package = Path(__file__).absolute().parent.parent
    for candidate in (package / "_data" / "rules", package.parent / "rules"):
        if (candidate / FOLDERS["breakage"]).is_dir():
            return candidate
    raise RuleError("acdoctor", "", "its built-in rules are not installed with it; install acdoctor again")


def builtin_files(kinds: Iterable[str] = KINDS, *, retired: bool = False) -> tuple[RuleFile, ...]:
    """The built-in rule files of some kinds, in path order, and those of retired rules if wanted."""
    root = builtin_directory()
    folders = [FOLDERS[kind] for kind in kinds] + ([RETIRED_FOLDER] if retired else [])
    return tuple(
        RuleFile(path=path, label=f"rules/{folder}/{shown(path.name)}", folder=folder)
        for folder in folders
        for path in _rule_paths(root / folder)
    )


def builtin_ids() -> Iterator[tuple[str, str]]:
    """(id, label) of every built-in rule, active or retired, from the file names alone."""
    for file in builtin_files(retired=True):
        yield file.stem, file.label


def files_at(place: str) -> tuple[RuleFile, ...]:
    """The rule files that a user's ``--rules`` names: one file, or a directory with or without the kinds' folders.

    Nothing below other directories is read: ``--rules /`` must not walk the machine.
    Raises ``RuleError`` when the place is missing, unreadable, or holds no rule.
    """
    root = Path(place)
    try:
        if root.is_file():
            return (RuleFile(path=root, label=escaped(place)),)
        found = [
            RuleFile(path=path, label=escaped(path), folder=folder)
            for folder in ("", *FOLDERS.values(), RETIRED_FOLDER)
            for path in _rule_paths(root / folder)
        ]
        if not found and not root.is_dir():
            raise RuleError(escaped(place), "", "there is no such file or directory of rules")
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise RuleError(escaped(place), "", f"cannot be read: {shown(reason)}") from error
    if not found:
        raise RuleError(escaped(place), "", f"holds no rule; rules are files ID{SUFFIX}, see `acdoctor rules new`")
    return tuple(found)


def _rule_paths(directory: Path) -> list[Path]:
    """The rule files in a directory, sorted; none when there is no such directory."""
    try:
        return sorted(path for path in directory.iterdir() if path.name.endswith(SUFFIX) and path.name != NAMES_FILE)
    except (FileNotFoundError, NotADirectoryError):
        return []
