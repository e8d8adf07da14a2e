"""`python -m granite.serving.health ready | live`: is this container's server to be sent requests, or to be left running?

For Docker's HEALTHCHECK, Compose and Kubernetes' exec probes: Cog's `/health-check` always answers 200, so the `status`
in it is what counts. Exit 0: yes. Exit 1: no, and one sentence on stderr says why. Standard library only.

A port that refuses is neither ready nor alive. Cog opens it before setup begins, so a starting server refuses for the
first seconds only, which a startup probe covers. From SIGTERM on it refuses while the last answers finish: nobody kills
a server for that, because Docker only reports a failed check, and Kubernetes asks a pod that ends for readiness alone, since 1.25.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

from granite.cli.client import DIRECT
from granite.cli.sentence import sentence

READY = ("READY", "BUSY")
"""BUSY is at capacity for the moment: it serves, and a restart would only lose what it runs."""

DEAD = ("UNHEALTHY", "SETUP_FAILED", "DEFUNCT")
"""What only a restart can help. Anything else, such as STARTING or a status of a later Cog, is alive and not ready."""

SECONDS = 8
"""Cog gives the predictor's own check 5 of them. The probe's limit in a manifest is longer, so that the sentence is told."""


class NoAnswer(Exception):
    """Cog did not say how it is; a sentence says what came instead."""


def main(argv: Sequence[str] | None = None) -> int:
    question = parser().parse_args(argv).question
    try:
        health = ask(os.environ.get("PORT") or "5000")
    except NoAnswer as error:
        return no(str(error))
    status = health["status"]
    if status in READY or (question == "live" and status not in DEAD):
        return 0
    return no(f"The server is {status}: {reason}" if (reason := why(health)) else f"The server is {status}.")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m granite.serving.health",
        description="Ask the server in this container for its health. Exit 0: yes. Exit 1: no; stderr says why.",
        epilog="PORT is the server's port (default 5000).",
    )
    parser.add_argument(
        "question",
        choices=("ready", "live"),
        help="ready: may it be sent requests (READY, BUSY)? live: would a restart only do harm (these, STARTING, and "
        "what is not known to be dead)?",
    )
    return parser


def ask(port: str) -> dict[str, Any]:
    """`/health-check` of this container's server. Raises NoAnswer."""
    try:
        with DIRECT.open(f"http://127.0.0.1:{port}/health-check", timeout=SECONDS) as response:
            health: dict[str, Any] = json.load(response)
            health["status"].upper()
            return health
    except (HTTPError, ValueError, LookupError, TypeError, AttributeError):
        raise NoAnswer(f"What answers on port {port} is not Cog: it tells no status.") from None
    except (OSError, HTTPException) as error:
        raise NoAnswer(f"Nothing answers on port {port}: {getattr(error, 'reason', error)}.") from None


def why(health: dict[str, Any]) -> str:
    """The failed setup's sentence, or the predictor's own."""
    if health["status"] == "SETUP_FAILED":
        return sentence((health.get("setup") or {}).get("logs") or "")
    return health.get("user_healthcheck_error") or ""


def no(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
