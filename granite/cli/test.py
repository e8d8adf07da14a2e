"""`script/test`: run the tests."""

import argparse
import os
import signal
import sys

from granite.cli import environment


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="script/test",
        usage="script/test [--fast | --slow] [pytest's arguments]",
        description="Run the tests that this machine can run. Other arguments, such as a path or -k NAME, are pytest's.",
        epilog="--slow runs the long tests too.",
        allow_abbrev=False,
    )
    parser.add_argument("--fast", action="store_true", help="only the tests that start no server: under a minute")
    options, arguments = parser.parse_known_args()
    environment.enter(tests=True)
    # pytest ends its fixtures, and so their servers, only for a KeyboardInterrupt.
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    os.chdir(environment.ROOT)
    import pytest

    return pytest.main([*arguments, "tests/unit"] if options.fast else arguments)


if __name__ == "__main__":
    sys.exit(main())
