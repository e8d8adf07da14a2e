"""script/setup: makes the environment that the other commands run in; prints its directory."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from granite.cli import environment
from granite.errors import OperatorError


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="script/setup", description=__doc__)
    parser.add_argument("--tests", action="store_true", help="install what script/test and script/lint need, too")
    try:
        print(environment.ensure(tests=parser.parse_args(argv).tests))
    except OperatorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
