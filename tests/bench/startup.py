"""``acdoctor --version`` and ``--help`` against an empty interpreter: ``python tests/bench/startup.py [RUNS]``."""

from __future__ import annotations

import sys

from measure import compare, console_script, show

LIMIT = 4.0


def main() -> int:
    """Print the ratios; 1 when one is over the limit."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 31
    script = console_script()
    medians = compare(
        {
            "python -c pass": [sys.executable, "-c", "pass"],
            "acdoctor --version": [script, "--version"],
            "acdoctor --help": [script, "--help"],
            "acdoctor check --help": [script, "check", "--help"],
        },
        runs,
    )
    print(f"median of {runs} runs, Python {sys.version.split()[0]}")
    return show(medians, "python -c pass", {"acdoctor --version": LIMIT, "acdoctor --help": LIMIT})


if __name__ == "__main__":
    sys.exit(main())
