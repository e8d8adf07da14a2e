"""Granite's control tokens. The tokenizer takes them for real wherever a text contains them, so callers may not send any."""

import re
from typing import Any

from granite.errors import InvalidInput

CONTROL_TOKENS = (
    *("<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>", "<|tool_call|>"),
    *("<|start_of_cite|>", "<|end_of_cite|>", "<|start_of_plugin|>", "<|end_of_plugin|>"),
)
"""The tokens of Granite 3.3 that open or close a role, a turn, a tool call, a citation or a plug-in."""

FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE = "<fim_prefix>", "<fim_suffix>", "<fim_middle>"
FIM_TOKENS = (FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE, "<fim_pad>")
"""Tokens of fill in the middle. Elsewhere they are text like any other."""

END_OF_TEXT_ID = 0
TOOL_CALL_ID = 49154

_PATTERN = re.compile("|".join(map(re.escape, CONTROL_TOKENS)))
_FIM_PATTERN = re.compile("|".join(map(re.escape, (*CONTROL_TOKENS, *FIM_TOKENS))))


def refuse(where: str, value: Any, *, fill_in_the_middle: bool = False) -> None:
    """Raise InvalidInput if `value`, or any text or key inside it, contains a control token.

    `where`: the path to the value, such as `messages[2].content`.
    """
    pattern, left = _FIM_PATTERN if fill_in_the_middle else _PATTERN, [value]
    while left:  # a loop: a value may be nested deeper than Python can recurse
        match left.pop():
            case str(text):
                if found := pattern.search(text):
                    raise InvalidInput(f"`{where}` contains the control token {found[0]}; remove it.")
            case dict(members):
                left += [*members.keys(), *members.values()]
            case list(members):
                left += members
