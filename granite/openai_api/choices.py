"""The sequences that one request generates, and their deltas in one stream."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from granite.output.answer import Answer, Delta
from granite.request.request import Request

if TYPE_CHECKING:
    from granite.engine.engine import Engine, Prompt

SEEDS = 2**63


@dataclass(frozen=True)
class Choice:
    """`text`: the prompt's."""

    request: Request
    text: str
    prompt: Prompt
    params: Any
    answer: Answer


async def prepare(engine: Engine, request: Request, text: str | list[int], n: int) -> list[Choice]:
    """Tokenize `text` and make `n` choices of it, which differ by their seeds. Raises RequestError."""
    prompt = await engine.tokenize(text, request.max_tokens)
    params = engine.sampling_params(request, prompt)
    sent = text if isinstance(text, str) else engine.decode(text)
    choices = []
    for index in range(n):
        # Copied, not made again: making them compiles a grammar.
        own = copy.copy(params)
        own.seed = (request.sampling["seed"] + index) % SEEDS
        choices.append(Choice(request, sent, prompt, own, Answer(prompt_tokens=prompt.tokens)))
    return choices


async def generate(
    engine: Engine, choices: Sequence[Choice], request_id: str, trace_headers: Mapping[str, str] | None
) -> AsyncGenerator[tuple[int, Delta | None]]:
    """Yield each delta with the index of its choice, and None when that choice has ended. Raises EngineError.

    Closing or canceling the generator aborts all of them.
    """

    def deltas(index: int) -> AsyncGenerator[Delta]:
        choice, name = choices[index], request_id if len(choices) == 1 else f"{request_id}-{index}"
        return engine.generate(choice.prompt, choice.params, name, choice.request.adapter, trace_headers)

    if len(choices) == 1:
        async with aclosing(deltas(0)) as stream:
            async for delta in stream:
                yield 0, delta
        yield 0, None
        return

    queue: asyncio.Queue[tuple[int, Delta | Exception | None]] = asyncio.Queue()

    async def pump(index: int) -> None:
        end: Exception | None = None
        try:
            async with aclosing(deltas(index)) as stream:
                async for delta in stream:
                    queue.put_nowait((index, delta))
        except Exception as error:
            end = error
        queue.put_nowait((index, end))

    # Not a TaskGroup: a failing child would cancel the task that reads this generator, wherever it waits.
    pumps = [asyncio.create_task(pump(index)) for index in range(len(choices))]
    try:
        left = len(choices)
        while left:
            index, item = await queue.get()
            if isinstance(item, Exception):
                raise item
            left -= item is None
            yield index, item
    finally:
        for task in pumps:
            task.cancel()
        await asyncio.wait(pumps)
