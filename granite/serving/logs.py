"""The lines that a prediction's `logs` hold: structlog, printed as the public model page shows them.

Console form: time, level, event, then `key=value` sorted by key, values bare. JSON form: one object a line.
"""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.dev import Column, ConsoleRenderer, KeyValueColumnFormatter, LogLevelColumnFormatter

from granite.settings import Settings

LONG_TEXT = 2000
"""Characters above which a text that stands elsewhere in full is shown by its two ends."""

PROMPT_KEYS = ("user_prompt", "formatted_prompt", "text")

TEXTS_OF_SAMPLING = ("stop", "bad_words", "structured_outputs")
"""Fields of vLLM's SamplingParams that hold a caller's words."""

WRITTEN_WHOLE = ("formatted_prompt", "text")
"""A user's prompt is part of the formatted one, so it is never the place where a long text stands whole."""


def configure(settings: Settings) -> None:
    """Set up structlog for this process."""
    structlog.configure(
        processors=[
            _redact if not settings.log_prompts else _shorten,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            structlog.processors.JSONRenderer() if settings.log_format == "json" else _console(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=StdoutLogger,
    )


class StdoutLogger:
    """Writes each entry to whatever `sys.stdout` is then.

    coglet's stdout sends a line to the prediction whose context it was written in. structlog's own print logger keeps a
    weak reference to the file, which coglet's object does not allow.
    """

    def msg(self, message: str) -> None:
        sys.stdout.write(message + "\n")

    debug = info = warning = error = msg


def ends(text: str) -> str:
    """A long text's beginning, end and length."""
    half = LONG_TEXT // 4
    return f"{text[:half]} … {text[-half:]} ({len(text)} characters)"


def _shorten(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in PROMPT_KEYS:
        if key not in WRITTEN_WHOLE and len(entry.get(key) or "") > LONG_TEXT:
            entry[key] = ends(entry[key])
    return entry


def _redact(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in PROMPT_KEYS:
        if key in entry:
            entry[key] = f"<{len(entry[key])} characters>"
    if "sampling_params" in entry:
        shown = copy.copy(entry["sampling_params"])
        for name in TEXTS_OF_SAMPLING:
            if getattr(shown, name):
                setattr(shown, name, _LeftOut())
        entry["sampling_params"] = repr(shown)
    return entry


class _LeftOut:
    def __repr__(self) -> str:
        return "<left out>"


def _console() -> ConsoleRenderer:
    plain = functools.partial(KeyValueColumnFormatter, value_style="", reset_style="", value_repr=str)
    levels = LogLevelColumnFormatter(ConsoleRenderer.get_default_level_styles(colors=False), reset_style="")
    return ConsoleRenderer(
        columns=[
            Column("timestamp", plain(key_style=None)),
            Column("level", levels),
            Column("event", plain(key_style=None, width=30)),
            Column("", plain(key_style="")),
        ],
        sort_keys=True,
    )
