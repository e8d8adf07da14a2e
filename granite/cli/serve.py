"""`script/serve`: the Cog HTTP server in the foreground, in the environment that the image sets."""

import argparse
import contextlib
import errno
import os
import socket
import sys

from granite.cli import environment
from granite.errors import OperatorError


def address_error(host: str, port: str) -> str | None:
    """Say in one sentence why a server cannot listen on this address, or None if it can."""
    if not port.isdecimal() or not 0 < int(port) < 65536:
        return f"PORT must be from 1 to 65535, got {port}."
    reasons = {
        errno.EADDRINUSE: f"Port {port} is in use; set PORT to a free one.",
        errno.EACCES: f"Port {port} requires root; set PORT above 1023.",
    }
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            other = f"--host {host} is not an address of this machine; use 127.0.0.1, or 0.0.0.0 for all interfaces."
            return reasons.get(error.errno or 0, other)
    return None


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="script/serve",
        description="Run the Cog HTTP server on $PORT (default 5000) until it is interrupted. The port has no "
        "authentication: keep it on loopback or on a private network. With $OPENAI_PORT the OpenAI API is served, too.",
        epilog="Ready when /health-check says READY. Ctrl-C lets running requests finish for up to $SHUTDOWN_GRACE "
        "(30 s); a second Ctrl-C stops at once. Settings are environment variables; docs/operations.md lists them.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    host = parser.parse_args().host
    port = os.environ.get("PORT") or "5000"
    if error := address_error(host, port):
        print(error, file=sys.stderr)
        sys.exit(2)
    environment.enter()
    from granite.cli.server import ForegroundServer

    try:
        server = ForegroundServer({}, host, int(port))
        with contextlib.suppress(SystemExit), server:
            server.ended()
    except OperatorError as error:
        environment.say(str(error))
        return 1
    code = server.ended()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
