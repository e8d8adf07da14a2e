"""`script/serve`: the Cog HTTP server in the foreground, in the environment that the image sets."""

import argparse
import os
import socket
import sys
from typing import NoReturn

from granite import hardware
from granite.cli import environment


def address_error(host: str, port: str) -> str | None:
    """Say in one sentence why a server cannot listen on this address, or None if it can."""
    if not port.isdecimal() or not 0 < int(port) < 65536:
        return f"PORT must be from 1 to 65535, got {port}."
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            return f"PORT={port} at --host {host} cannot be used: {(error.strerror or str(error)).lower()}; change one of them."
    return None


def main() -> NoReturn:
    parser = argparse.ArgumentParser(
        prog="script/serve",
        description="Run the Cog HTTP server on $PORT (default 5000) until it is interrupted. The port has no "
        "authentication: keep it on loopback or on a private network.",
        epilog="Ready when /health-check says READY. Settings are environment variables; the README lists them.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    host = parser.parse_args().host
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
