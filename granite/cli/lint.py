"""`script/lint`: check formatting, lint and types; change nothing."""

import argparse
import subprocess
import sys

from granite.cli import environment

CHECKS = ("ruff format --check .", "ruff check .", "mypy --strict predict.py granite")


def main() -> int:
    argparse.ArgumentParser(prog="script/lint", description="Check formatting, lint and types.").parse_args()
    environment.enter(tests=True)
    codes = [
        subprocess.run([sys.executable, "-m", *check.split()], cwd=environment.ROOT).returncode for check in CHECKS
    ]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
