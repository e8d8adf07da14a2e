"""script/serve: the Cog HTTP server in the foreground, with the environment that the image sets."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from granite.cli import environment


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/serve",
        description="Run the Cog HTTP server on $PORT (default 5000) until it is interrupted. Its port has no "
        "authentication: keep it on loopback or on a private network.",
        epilog="Ready when /health-check says READY. Settings are environment variables; the README lists them.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    return parser


def main(argv: Sequence[str] | None = None) -> NoReturn:
    arguments = parser().parse_args(argv)
    port = os.environ.get("PORT") or "5000"
    if not port.isdigit() or not 0 < int(port) < 65536:
        print(f"PORT={port} is refused: give a port from 1 to 65535.", file=sys.stderr)
        sys.exit(2)
    environment.enter()
    from granite.cli import server

    server.prepare()
    os.chdir(environment.ROOT)
    command = server.command(arguments.host)
    os.execvpe(command[0], command, server.variables(int(port)))


if __name__ == "__main__":
    main()
