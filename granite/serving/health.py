"""`python -m granite.serving.health ready | live`: a container's probe, and the reading of Cog's `/health-check`.

For Docker's HEALTHCHECK, Compose and Kubernetes' exec probes: `/health-check` always answers 200, so only the `status` in
its body counts. Exit 0: yes. Exit 1: no, and one sentence on stderr says why. Standard library only.

A port that refuses connections is neither ready nor alive. Cog opens it before setup, so a starting server refuses for
its first seconds only, which a startup probe covers. From SIGTERM on it refuses while the last answers finish. That kills
no server: Docker only reports a failed check, and Kubernetes (since 1.25) runs no liveness probe on a terminating pod.
"""

import argparse
import json
import os
import re
import sys
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

READY = ("READY", "BUSY")
"""BUSY is at capacity for the moment: it serves, and a restart would lose what it runs."""

DEAD = ("UNHEALTHY", "SETUP_FAILED", "DEFUNCT")
"""Only a restart helps. Any other status, such as STARTING or one of a later Cog, is alive and not ready."""

TIMEOUT = 8
"""Seconds. Cog gives the predictor's own check 5 of them; a manifest's probe timeout is longer."""

NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The server is on this machine's loopback, whatever proxy the environment names."""

COG_PREFIX = re.compile(
    r"^.*?(?:Setup failed: setup failed|Async prediction failed|Generator iteration error): (?:\w+: )?", re.DOTALL
)
"""What Cog puts before an error; the last word is the exception's name."""


class NoHealth(Exception):
    """Cog did not report its health; the message says what happened instead."""


def health(port: int | str, timeout: float = TIMEOUT) -> dict[str, Any]:
    """`/health-check` of the server on this machine's loopback: `status`, `setup` and more. Raises NoHealth."""
    try:
        with NO_PROXY.open(f"http://127.0.0.1:{port}/health-check", timeout=timeout) as response:
            body: dict[str, Any] = json.load(response)
            body["status"].upper()
            return body
    except (HTTPError, ValueError, LookupError, TypeError, AttributeError):
        raise NoHealth(f"The server on port {port} is not Cog: it reports no status.") from None
    except (OSError, HTTPException) as error:
        raise NoHealth(f"Nothing answers on port {port}: {getattr(error, 'reason', error)}.") from None


def without_prefix(text: str) -> str:
    """Our sentence in a prediction's `error` or a failed setup's logs; unchanged if Cog's wording has moved."""
    return COG_PREFIX.sub("", text.strip(), count=1)


def main(argv: Sequence[str] | None = None) -> int:
    check = parser().parse_args(argv).check
    try:
        body = health(os.environ.get("PORT") or "5000")
    except NoHealth as error:
        print(error, file=sys.stderr)
        return 1
    status = body["status"]
    if status in READY or (check == "live" and status not in DEAD):
        return 0
    reason = _reason(body)
    print(f"The server is {status}: {reason}" if reason else f"The server is {status}.", file=sys.stderr)
    return 1


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m granite.serving.health",
        description="Check the server in this container. Exit 0: yes. Exit 1: no; stderr says why.",
        epilog="PORT is the server's port (default 5000).",
    )
    parser.add_argument(
        "check",
        choices=("ready", "live"),
        help="ready: send it requests (READY, BUSY). live: leave it running (READY, BUSY, STARTING and unknown states).",
    )
    return parser


def _reason(body: dict[str, Any]) -> str:
    if body["status"] == "SETUP_FAILED":
        return without_prefix((body.get("setup") or {}).get("logs") or "")
    return body.get("user_healthcheck_error") or ""


if __name__ == "__main__":
    sys.exit(main())
