"""Checks, one after the other: each passes with its figures, fails with a sentence, or is skipped with a reason."""

import time
from collections.abc import Callable
from typing import Any

from granite.cli.environment import say
from granite.errors import GraniteError

Figures = dict[str, Any]


class Failure(Exception):
    """A check failed: one sentence, and the figures up to there."""

    def __init__(self, sentence: str, figures: Figures | None = None) -> None:
        super().__init__(sentence)
        self.figures = figures or {}


class Skipped(Exception):
    """A check does not apply: the reason."""


class Checks:
    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def run(self, name: str, check: Callable[[], Figures]) -> bool:
        """Whether it passed."""
        record = {"name": name, "status": "failed", "seconds": 0.0, "reason": "", "figures": {}}
        self.records.append(record)
        began = time.monotonic()
        try:
            record["figures"] = check()
            record["status"] = "passed"
        except Skipped as skipped:
            record |= {"status": "skipped", "reason": str(skipped)}
        except Failure as failure:
            record |= {"reason": str(failure), "figures": failure.figures}
        except GraniteError as error:
            record["reason"] = str(error)
        except Exception as error:  # whatever it is, the next check still runs
            record["reason"] = f"{type(error).__name__}: {error}"
        except BaseException:
            record["reason"] = "Interrupted."
            raise
        finally:
            record["seconds"] = round(time.monotonic() - began, 2)
            reason = f": {record['reason']}" if record["reason"] else ""
            say(f"{name} … {record['status']}, {record['seconds']:.1f} s{reason}")
        return record["status"] == "passed"

    @property
    def failed(self) -> int:
        return sum(record["status"] == "failed" for record in self.records)
