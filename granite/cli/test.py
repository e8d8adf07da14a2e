"""script/test: the tests that this machine can run; the arguments are pytest's, and --slow adds the long ones."""

from __future__ import annotations

import os
import sys

from granite.cli import environment


def main() -> int:
    environment.enter(tests=True)
    os.chdir(environment.ROOT)
    import pytest

    return pytest.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
