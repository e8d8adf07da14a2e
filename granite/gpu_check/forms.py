"""How often answers have the form that was asked for: JSON, a pattern, tool calls, thoughts, citations."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from granite.gpu_check.calls import Calls, at_once
from granite.gpu_check.checks import Failure, Figures

PATTERN = "[A-Z][a-z]{3,9} [0-9]{4}"

BOOK = {
    "type": "object",
    "properties": {"title": {"type": "string", "maxLength": 40}, "year": {"type": "integer"}},
    "required": ["title", "year"],
}
CITY = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 40}}, "required": ["city"]}
TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "description": "Weather of a city.", "parameters": CITY}}
]
DOCUMENTS = [
    {"doc_id": "1", "title": "Granite", "text": "Granite is an intrusive igneous rock. It is hard."},
    {"doc_id": "2", "title": "Basalt", "text": "Basalt cools fast. It is fine grained."},
]


def _ask(content: str, **inputs: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}], **inputs}


def _is_book(message: dict[str, Any]) -> bool:
    book = json.loads(message["content"])
    return isinstance(book["title"], str) and isinstance(book["year"], int)


def _is_call(message: dict[str, Any]) -> bool:
    functions = [call["function"] for call in message["tool_calls"]]
    return all(
        function["name"] == "get_weather" and isinstance(json.loads(function["arguments"])["city"], str)
        for function in functions
    )


@dataclass(frozen=True)
class Form:
    request: dict[str, Any]
    right: Callable[[dict[str, Any]], bool]
    """Whether an answer's message has the form; it may raise what a missing or broken part raises."""
    guided: bool = False
    """Whether the engine enforces it."""
    tokens: int = 256


_BOSTON = "What is the weather in Boston?"

FORMS = {
    "json": Form(
        _ask(
            "Describe the book Moby Dick.",
            response_format={"type": "json_schema", "json_schema": {"name": "book", "schema": BOOK}},
        ),
        _is_book,
        guided=True,
    ),
    "regex": Form(
        _ask("Name a month of a year.", sampling_params={"regex": PATTERN}),
        lambda message: re.fullmatch(PATTERN, message["content"]) is not None,
        guided=True,
    ),
    "tools required": Form(_ask(_BOSTON, tools=TOOLS, tool_choice="required"), _is_call, guided=True),
    "tools auto": Form(_ask(_BOSTON, tools=TOOLS), _is_call),
    "thinking": Form(
        _ask("Which is greater, 9.11 or 9.9?", thinking=True),
        lambda message: bool(message["reasoning_content"] and message["content"]),
        tokens=1024,
    ),
    "citations": Form(
        _ask("What is granite?", documents=DOCUMENTS, citations=True), lambda message: bool(message["citations"])
    ),
}


def form(calls: Calls, name: str, times: int, scale: float) -> Figures:
    """`times`: with another seed each. `scale`: of the answers' length."""
    form = FORMS[name]
    tokens = math.ceil(form.tokens * scale)
    requests = [{**form.request, "seed": seed, "max_tokens": tokens} for seed in range(times)]
    choices = at_once(lambda request: calls.choice(**request), requests)
    right = [_is_right(form, choice["message"]) for choice in choices]
    cut = [choice["finish_reason"] == "length" and not good for choice, good in zip(choices, right, strict=True)]
    sample = choices[right.index(False)] if False in right else choices[0]
    figures = {"right": sum(right), "cut": sum(cut), "of": times, "sample": sample["message"]}
    if form.guided and sum(right) + sum(cut) < times:
        raise Failure("An answer does not have the form that the engine enforces.", figures)
    if calls.trained and not any(right):
        raise Failure(f"None of {times} answers has the form.", figures)
    return figures


def _is_right(form: Form, message: dict[str, Any]) -> bool:
    try:
        return form.right(message)
    except (LookupError, TypeError, ValueError):
        return False
