"""One tree of exceptions; every message is a whole sentence for the person at fault.

GraniteError
├── RequestError: the caller's; nothing was generated
│   ├── InvalidInput
│   └── PromptTooLong
├── OperatorError: the operator's; setup or a command fails within seconds
│   ├── SettingsError
│   ├── WeightsError
│   └── AdapterError
└── EngineError: nobody's; the engine could not finish a request
    ├── EngineDied
    └── ServerStopped

A message holds names, numbers, bounds and the fix, never the text of a prompt.
"""

import difflib
import json
from collections.abc import Collection
from typing import Any

LONGEST_NAME = 40
"""Characters up to which a text counts as a name, which a sentence may quote."""


class GraniteError(Exception):
    pass


class RequestError(GraniteError):
    pass


class InvalidInput(RequestError):
    pass


class PromptTooLong(RequestError):
    pass


class OperatorError(GraniteError):
    pass


class SettingsError(OperatorError):
    pass


class WeightsError(OperatorError):
    pass


class AdapterError(OperatorError):
    pass


class EngineError(GraniteError):
    pass


class EngineDied(EngineError):
    def __init__(self) -> None:
        super().__init__("The engine died while it ran this request; send it again once the server is back.")


class ServerStopped(EngineError):
    def __init__(self) -> None:
        super().__init__("The server stopped before the answer was complete; send the request again.")


def quote(value: Any) -> str:
    """A value as a sentence may quote it: a number or a name as it is, anything longer by its kind."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str) and value:
        is_name = len(value) <= LONGEST_NAME and value.isprintable()
        return value if is_name else f"a text of {len(value)} characters"
    return json.dumps(value)


def suggestion(name: str, known: Collection[str], otherwise: str = "remove it.", cutoff: float = 0.6) -> str:
    """The end of a sentence about an unknown name: the nearest known one, or `otherwise`. `cutoff`: least similarity."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return f"did you mean `{nearest[0]}`?" if nearest else otherwise
