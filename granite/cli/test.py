"""`script/test`: run the tests."""

import argparse
import os
import signal
import sys

from granite.cli import environment


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="script/test",
        usage="script/test [--fast | --gpu-runner | --slow] [pytest's arguments]",
        description="Run the tests that this machine can run. Other arguments, such as a path or -k NAME, are pytest's.",
        epilog="--slow runs the long tests too.",
        allow_abbrev=False,
    )
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--fast", action="store_true", help="only the tests that start no server: under a minute")
    part.add_argument("--gpu-runner", action="store_true", help="all tests of the GPU's model runner, on this CPU")
    options, arguments = parser.parse_known_args()
    environment.enter(tests=True)
    # pytest ends its fixtures, and so their servers, only for a KeyboardInterrupt.
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    os.chdir(environment.ROOT)
    import pytest

    if options.fast:
        arguments.append("tests/unit")
    elif options.gpu_runner:
        arguments += ["--slow", "tests/gpu_runner"]
    return pytest.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
