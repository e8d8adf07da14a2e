"""What a body of each route asks for: the inputs, the prompts, how many answers to each, and in which format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from granite.errors import InvalidInput, quote
from granite.openai_api import fields
from granite.openai_api.choices import Choice
from granite.openai_api.response import ResponseOutput
from granite.openai_api.response_input import chat_body
from granite.output.answer import Delta
from granite.output.chat_completion import ChatCompletion
from granite.output.text_completion import TextCompletion
from granite.request import sampling
from granite.request.inputs import Inputs

CHAT = (
    *(*fields.SAMPLING, *fields.GRANITE, "messages", "tools", "tool_choice", "response_format"),
    *("max_tokens", "max_completion_tokens"),
)
CHAT_KNOWN = frozenset((*CHAT, *fields.COMMON, "n", "logprobs", "top_logprobs", "parallel_tool_calls"))
COMPLETION = (*fields.SAMPLING, "suffix", "response_format", "max_tokens")
COMPLETION_KNOWN = frozenset((*COMPLETION, *fields.COMMON, "prompt", "n", "best_of", "echo", "logprobs"))


class Output(Protocol):
    """Makes objects of what the engine generates."""

    def add(self, index: int, delta: Delta) -> list[dict[str, Any]]: ...
    def end(self, index: int) -> list[dict[str, Any]]: ...
    def usage_chunk(self) -> dict[str, Any]: ...
    def whole(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Call:
    """`prompts`: sent without the chat template; None: the inputs' own. `sampling`: fields besides those of the inputs."""

    inputs: Inputs
    output: Callable[[Sequence[Choice], str, str], Output]
    """From the choices, the model's name and the request's id."""
    prompts: Sequence[str | list[int] | None] = (None,)
    n: int = 1
    include_usage: bool = False
    sampling: dict[str, Any] = field(default_factory=dict)
    done: bytes = b"data: [DONE]\n\n"
    """The end of a stream."""

    @property
    def sequences(self) -> int:
        return self.n * len(self.prompts)


def chat(body: dict[str, Any], defaults: Inputs) -> Call:
    """Raises InvalidInput."""
    fields.check_names(body, CHAT_KNOWN)
    return _chat(body, defaults)


def response(body: dict[str, Any], defaults: Inputs) -> Call:
    """Raises InvalidInput."""
    call = _chat(chat_body(body), defaults)

    def output(choices: Sequence[Choice], model: str, request_id: str) -> Output:
        return ResponseOutput(body, call.output(choices, model, request_id), model, request_id)

    return replace(call, output=output, include_usage=False, done=b"")


def completion(body: dict[str, Any], defaults: Inputs) -> Call:
    """Raises InvalidInput."""
    fields.check_names(body, COMPLETION_KNOWN)
    prompts = _prompts(body.get("prompt"))
    n = fields.whole(body, "n", 1) or 1
    if fields.whole(body, "best_of", 1) not in (None, n):
        raise InvalidInput("`best_of` is not supported unless it equals n; remove it.")
    echo, logprobs = fields.flag(body, "echo"), fields.whole(body, "logprobs", 0, sampling.MAX_LOGPROBS)
    if echo and fields.is_set(body.get("suffix")):
        raise InvalidInput("`echo` cannot be combined with `suffix`; remove one of them.")
    prompt_only = echo and body.get("max_tokens") == 0
    max_tokens = 16 if body.get("max_tokens") is None else 1 if prompt_only else body["max_tokens"]
    given = {"prompt": "", "max_tokens": max_tokens, "logprobs": logprobs, "stream": fields.flag(body, "stream")}

    def output(choices: Sequence[Choice], model: str, request_id: str) -> Output:
        return TextCompletion(
            [choice.answer for choice in choices],
            model,
            request_id,
            n=n,
            echo=[choice.text for choice in choices] if echo else None,
            logprobs=logprobs is not None,
            prompt_only=prompt_only,
        )

    return Call(
        fields.inputs(body, defaults, COMPLETION, **given),
        output,
        prompts,
        n,
        fields.include_usage(body),
        {"prompt_logprobs": logprobs} if echo and logprobs is not None else {},
    )


def _chat(body: dict[str, Any], defaults: Inputs) -> Call:
    if not fields.is_set(body.get("messages")):
        raise InvalidInput("`messages` is empty; add a message with role user.")
    logprobs = fields.whole(body, "top_logprobs", 0, sampling.MAX_LOGPROBS)
    if not fields.flag(body, "logprobs"):
        if logprobs:
            raise InvalidInput("`top_logprobs` requires `logprobs` to be true.")
        logprobs = None
    elif logprobs is None:
        logprobs = 0
    stream, several = fields.flag(body, "stream"), body.get("parallel_tool_calls") is not False

    def output(choices: Sequence[Choice], model: str, request_id: str) -> Output:
        answers = [choice.answer for choice in choices]
        made = ChatCompletion(choices[0].request, answers, model, request_id)
        return made if several else FirstCall(made)

    inputs = fields.inputs(body, defaults, CHAT, stream=stream, logprobs=logprobs)
    return Call(inputs, output, n=fields.whole(body, "n", 1) or 1, include_usage=fields.include_usage(body))


def _prompts(given: Any) -> list[str | list[int] | None]:
    """One text, one list of token ids, or a list of either."""
    prompts = given if isinstance(given, list) and not all(isinstance(item, int) for item in given) else [given]
    for prompt in prompts:
        if not isinstance(prompt, str | list):
            raise InvalidInput(
                f"`prompt` must be a text, a list of token ids, or a list of these, got {quote(prompt)}."
            )
    return prompts


class FirstCall:
    """A chat's output with at most one tool call: `parallel_tool_calls` is false."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.usage_chunk = output.usage_chunk

    def add(self, index: int, delta: Delta) -> list[dict[str, Any]]:
        return [self._cut(chunk) for chunk in self._output.add(index, delta)]

    def end(self, index: int) -> list[dict[str, Any]]:
        return [self._cut(chunk) for chunk in self._output.end(index)]

    def whole(self) -> dict[str, Any]:
        return self._cut(self._output.whole())

    @staticmethod
    def _cut(made: dict[str, Any]) -> dict[str, Any]:
        for choice in made["choices"]:
            message = choice.get("delta") or choice.get("message") or {}
            if calls := message.get("tool_calls"):
                message["tool_calls"] = [call for i, call in enumerate(calls) if call.get("index", i) == 0]
        return made
