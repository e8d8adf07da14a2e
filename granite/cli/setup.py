"""`script/setup`: make the environment that the other commands run in, and print its directory."""

from __future__ import annotations

import argparse
import sys

from granite.cli import environment
from granite.errors import OperatorError


def main() -> None:
    description = "Make the environment that the other commands run in, and print its directory."
    parser = argparse.ArgumentParser(prog="script/setup", description=description)
    parser.add_argument("--tests", action="store_true", help="also install what script/test and script/lint need")
    try:
        print(environment.ensure(tests=parser.parse_args().tests))
    except OperatorError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
