"""script/lint: formatting, lint and strict typing; changes nothing."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence

from granite.cli import environment

CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy", "--strict", "predict.py", "granite"),
)


def main(argv: Sequence[str] | None = None) -> int:
    argparse.ArgumentParser(prog="script/lint", description=__doc__).parse_args(argv)
    environment.enter(tests=True)
    failed = [
        name
        for name, *arguments in CHECKS
        if subprocess.run([sys.executable, "-m", name, *arguments], cwd=environment.ROOT).returncode
    ]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
