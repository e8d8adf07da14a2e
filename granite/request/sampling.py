"""How the next token is drawn: the caller's numbers, checked and made what the engine takes.

Cog passes numbers on as JSON wrote them: `5.0` arrives as a float where an integer is declared, `2` as an int where a
float is, and its schema states no bound between two inputs. The engine enforces some bounds late, silently, or in a
process that then dies. So every number is converted and bounded here.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from granite.faults import Faults

SMALLEST_TEMPERATURE = 0.01
"""vLLM raises a temperature between 0 and this one to it, without a word."""

PREDICT_MAX_TOKENS = 512
"""predict()'s default of max_tokens: another value beside max_completion_tokens contradicts it."""


@dataclass(frozen=True)
class Sampling:
    """The sampling of one request, in vLLM's names and units."""

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

    @classmethod
    def checked(
        cls,
        faults: Faults,
        *,
        max_tokens: float,
        min_tokens: float,
        temperature: float,
        top_p: float,
        top_k: float,
        presence_penalty: float,
        frequency_penalty: float,
        stop: str | list[str] | None,
        seed: float | None,
        min_p: float,
        repetition_penalty: float,
        max_completion_tokens: float | None,
        stop_sequences: str | None,
    ) -> Sampling:
        """Convert and bound what a caller sent; a missing seed is drawn. What is wrong is added to `faults`."""
        if 0 < temperature < SMALLEST_TEMPERATURE:
            faults.add("temperature", f"temperature must be 0 or at least {SMALLEST_TEMPERATURE}, got {temperature}.")
        if not 0 < top_p <= 1:
            faults.add("top_p", f"top_p must be above 0 and at most 1, got {top_p}.")
        if not repetition_penalty > 0:
            faults.add("repetition_penalty", f"repetition_penalty must be above 0, got {repetition_penalty}.")
        max_tokens = _most_tokens(faults, max_tokens, max_completion_tokens)
        min_tokens = faults.integer("min_tokens", min_tokens, 0)
        if min_tokens > max_tokens:
            faults.add("min_tokens", f"min_tokens must be at most max_tokens, which is {max_tokens}, got {min_tokens}.")
        return cls(
            max_tokens=max_tokens,
            min_tokens=min_tokens,
            temperature=faults.number("temperature", temperature, 0, 2),
            top_p=float(top_p),
            # vLLM's own word for "off" is 0.
            top_k=max(0, faults.integer("top_k", top_k, -1)),
            presence_penalty=faults.number("presence_penalty", presence_penalty, -2, 2),
            frequency_penalty=faults.number("frequency_penalty", frequency_penalty, -2, 2),
            stop=_stops(faults, stop, stop_sequences),
            seed=secrets.randbelow(2**31) if seed is None else faults.integer("seed", seed, 0),
            min_p=faults.number("min_p", min_p, 0, 1),
            repetition_penalty=float(repetition_penalty),
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
