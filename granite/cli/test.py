"""`script/test`: run the tests."""

from __future__ import annotations

import argparse
import os
import sys

from granite.cli import environment


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/test",
        usage="script/test [--fast] [--slow] [pytest's arguments]",
        description="Run the tests that this machine can run. Other arguments, such as a path or -k NAME, are pytest's.",
        allow_abbrev=False,
    )
    parser.add_argument("--fast", action="store_true", help="only the tests that start no server: under a minute")
    parser.add_argument("--slow", action="store_true", help="the long tests too")
    return parser


def pytest_arguments(argv: list[str]) -> list[str]:
    options, others = parser().parse_known_args(argv)
    return [*(["--slow"] if options.slow else []), *others, *(["tests/unit"] if options.fast else [])]


def main() -> int:
    arguments = pytest_arguments(sys.argv[1:])
    environment.enter(tests=True)
    os.chdir(environment.ROOT)
    import pytest

    return pytest.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
