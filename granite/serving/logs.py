"""The lines of a prediction's `logs`, printed by structlog as the public model page shows them.

Console: time, level, event, then `key=value` sorted by key, values without quotes. JSON: one object per line.
"""

import copy
import functools
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.dev import Column, ConsoleRenderer, KeyValueColumnFormatter, LogLevelColumnFormatter

from granite.settings import Settings

LONG_TEXT = 2000
"""Characters above which a text is written whole once, and elsewhere as its beginning, its end and its length."""

PROMPT_KEYS = ("user_prompt", "formatted_prompt", "text", "reason")
"""Values that quote a request or its answer."""

CALLER_TEXTS = ("stop", "bad_words", "structured_outputs")
"""Fields of vLLM's SamplingParams that hold a caller's text."""

WRITTEN_WHOLE = ("formatted_prompt", "text")
"""The user's prompt is part of the formatted one, which holds it whole."""


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
    """Writes each entry to the current `sys.stdout`.

    coglet's stdout sends a line to the prediction in whose context it was written. structlog's own PrintLogger keeps a
    weak reference to the file, which coglet's object does not support.
    """

    def msg(self, message: str) -> None:
        sys.stdout.write(message + "\n")

    debug = info = warning = error = msg


def abbreviated(text: str) -> str:
    quarter = LONG_TEXT // 4
    return f"{text[:quarter]} … {text[-quarter:]} ({len(text)} characters)"


def _shorten(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in PROMPT_KEYS:
        if key not in WRITTEN_WHOLE and len(entry.get(key) or "") > LONG_TEXT:
            entry[key] = abbreviated(entry[key])
    return entry


def _redact(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in PROMPT_KEYS:
        if key in entry:
            entry[key] = f"<{len(entry[key])} characters>"
    if "sampling_params" in entry:
        shown = copy.copy(entry["sampling_params"])
        for name in CALLER_TEXTS:
            if getattr(shown, name):
                setattr(shown, name, _Redacted())
        entry["sampling_params"] = repr(shown)
    return entry


class _Redacted:
    def __repr__(self) -> str:
        return "<redacted>"


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
