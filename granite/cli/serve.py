"""`script/serve`: the Cog HTTP server in the foreground, in the environment that the image sets."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
from typing import NoReturn

from granite import hardware
from granite.cli import environment


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/serve",
        description="Run the Cog HTTP server on $PORT (default 5000) until it is interrupted. The port has no "
        "authentication: keep it on loopback or on a private network.",
        epilog="Ready when /health-check says READY. Settings are environment variables; the README lists them.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    return parser


def address_error(host: str, port: str) -> str | None:
    """Say in one sentence why a server cannot listen on this address, or None if it can."""
    if not port.isdecimal() or not 0 < int(port) < 65536:
        return f"PORT must be from 1 to 65535, got {port}."
    try:
        socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            reason = "is taken" if error.errno == errno.EADDRINUSE else "needs root"
            return f"Port {port} {reason}; set PORT to another one, such as PORT=5001."
        return f"--host {host} is not an address of this machine; use 127.0.0.1, or 0.0.0.0 for every interface."
    return None


def main() -> NoReturn:
    host = parser().parse_args().host
    port = os.environ.get("PORT") or "5000"
    if error := address_error(host, port):
        print(error, file=sys.stderr)
        sys.exit(2)
    environment.enter()
    from granite.cli import schema, server

    schema.write()
    os.chdir(environment.ROOT)
    command = server.command(host)
    os.execvpe(command[0], command, server.variables(int(port), os.environ, gpu=hardware.has_gpu()))


if __name__ == "__main__":
    main()
