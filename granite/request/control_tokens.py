"""Granite's control tokens, which a caller's text must not hold: the tokenizer would take the text for the token."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from granite.request.faults import Faults

CONTROL_TOKENS = (
    "<|end_of_text|>",
    "<|start_of_role|>",
    "<|end_of_role|>",
    "<|tool_call|>",
    "<|start_of_cite|>",
    "<|end_of_cite|>",
    "<|start_of_plugin|>",
    "<|end_of_plugin|>",
)
"""The tokens of Granite 3.3 that open or close a role, a turn, a tool call, a citation or a plug-in."""

END_OF_TEXT_ID = 0
TOOL_CALL_ID = 49154

_PATTERN = re.compile("|".join(map(re.escape, CONTROL_TOKENS)))


def refuse(faults: Faults, name: str, value: Any, where: str | None = None) -> None:
    """Add a fault to the input `name` where `value`, or any text inside it, holds a control token.

    `where`: how the sentence names the place, such as `messages[2].content`; the input's name if left out.
    """
    found = sorted({token for text in _texts(value) for token in _PATTERN.findall(text)})
    if found:
        faults.add(name, f"{where or name} must not hold the control token {', '.join(found)}: Granite would obey it.")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)
