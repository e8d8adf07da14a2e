"""How the next token is drawn: the caller's numbers, checked and made what the engine takes.

Cog passes numbers on as JSON wrote them: `5.0` arrives as a float where an integer is declared, `2` as an int where a
float is, and its schema states no bound between two inputs. The engine enforces some bounds late, silently, or in a
process that then dies. So every number is converted and bounded here.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from granite.request.faults import Faults
from granite.request.inputs import Inputs

SMALLEST_TEMPERATURE = 0.01
"""vLLM raises a temperature between 0 and this one to it, without a word."""

MOST_LOGPROBS = 20
"""Alternatives of a token that vLLM gives at most, and OpenAI too."""

PREDICT_MAX_TOKENS = 512
"""predict()'s default of max_tokens: another value beside max_completion_tokens contradicts it."""


@dataclass(frozen=True)
class Sampling:
    """The sampling of one request, in vLLM's names and units. `further`: SamplingParams' other fields that were set."""

    max_tokens: int
    min_tokens: int
    temperature: float
    top_p: float
    top_k: int
    presence_penalty: float
    frequency_penalty: float
    stop: tuple[str, ...]
    seed: int
    min_p: float
    repetition_penalty: float
    logprobs: int | None
    further: dict[str, Any]

    @classmethod
    def checked(cls, faults: Faults, inputs: Inputs, further: dict[str, Any], bias: dict[int, float]) -> Sampling:
        """Convert and bound what a caller sent; a missing seed is drawn. What is wrong is added to `faults`.

        `bias`: by token id, beside the caller's own.
        """
        if 0 < inputs.temperature < SMALLEST_TEMPERATURE:
            faults.add(
                "temperature", f"temperature must be 0 or at least {SMALLEST_TEMPERATURE}, got {inputs.temperature}."
            )
        if not 0 < inputs.top_p <= 1:
            faults.add("top_p", f"top_p must be above 0 and at most 1, got {inputs.top_p}.")
        if not inputs.repetition_penalty > 0:
            faults.add("repetition_penalty", f"repetition_penalty must be above 0, got {inputs.repetition_penalty}.")
        max_tokens = _most_tokens(faults, inputs.max_tokens, inputs.max_completion_tokens)
        min_tokens = faults.integer("min_tokens", inputs.min_tokens, 0)
        if min_tokens > max_tokens:
            faults.add("min_tokens", f"min_tokens must be at most max_tokens, which is {max_tokens}, got {min_tokens}.")
        logprobs = None if inputs.logprobs is None else faults.integer("logprobs", inputs.logprobs, 0, MOST_LOGPROBS)
        return cls(
            max_tokens=max_tokens,
            min_tokens=min_tokens,
            temperature=faults.number("temperature", inputs.temperature, 0, 2),
            top_p=float(inputs.top_p),
            # vLLM's own word for "off" is 0.
            top_k=max(0, faults.integer("top_k", inputs.top_k, -1)),
            presence_penalty=faults.number("presence_penalty", inputs.presence_penalty, -2, 2),
            frequency_penalty=faults.number("frequency_penalty", inputs.frequency_penalty, -2, 2),
            stop=_stops(faults, inputs.stop, inputs.stop_sequences),
            seed=secrets.randbelow(2**31) if inputs.seed is None else faults.integer("seed", inputs.seed, 0),
            min_p=faults.number("min_p", inputs.min_p, 0, 1),
            repetition_penalty=float(inputs.repetition_penalty),
            logprobs=logprobs,
            further={**further, "logit_bias": {**further.get("logit_bias", {}), **bias}} if bias else further,
        )


def _most_tokens(faults: Faults, max_tokens: float, max_completion_tokens: float | None) -> int:
    if max_completion_tokens is None:
        return faults.integer("max_tokens", max_tokens, 1)
    if max_tokens != PREDICT_MAX_TOKENS:
        faults.add("max_tokens", "Give either max_tokens or max_completion_tokens, not both: they name one thing.")
    return faults.integer("max_completion_tokens", max_completion_tokens, 1)


def _stops(faults: Faults, stop: str | list[str] | None, stop_sequences: str | None) -> tuple[str, ...]:
    if stop is not None and stop_sequences is not None:
        faults.add("stop", "Give either stop or stop_sequences, not both: they name one thing.")
    if stop_sequences is None:
        name, texts = "stop", [stop] if isinstance(stop, str) else stop or []
    else:
        name, texts = "stop_sequences", stop_sequences.split(",")
    if "" in texts:
        faults.add(name, f"{name} must not hold an empty string, which would end every answer at once: leave it out.")
    if any("\0" in text for text in texts):
        faults.add(name, f"{name} must not hold a NUL character, which no answer can hold: leave it out.")
    return tuple(texts)
