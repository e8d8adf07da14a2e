"""An engine without a model, at the seam of `granite.engine.engine.Engine`."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from types import SimpleNamespace
from typing import Any

from granite.errors import PromptTooLong
from granite.output.answer import Delta


class FakeEngine:
    """Generates the same script for every request: texts of one token each, whole Deltas, Events to wait for, errors to raise.

    A test controls time by Events: `running` and `aborted` count what waits and what was closed before its end.
    """

    model = "granite"
    context_length = 4096

    def __init__(self, *script: str | Delta | asyncio.Event | Exception, finish: str = "stop", adapters: tuple[str, ...] = ()) -> None:  # fmt: skip
        self.script, self.finish, self.adapters = script, finish, adapters
        self.dead = self.stopped = False
        self.prompts: list[str | list[int]] = []
        self.requests: list[Any] = []
        self.generated: list[SimpleNamespace] = []
        """Of each sequence: id, params, adapter and trace_headers."""
        self.running = self.aborted = 0

    async def tokenize(self, text: str | list[int], max_tokens: int | None) -> Any:
        """One token for each word."""
        self.prompts.append(text)
        tokens = len(text.split() if isinstance(text, str) else text)
        if tokens + (max_tokens or 1) > self.context_length:
            raise PromptTooLong(f"The prompt has {tokens} tokens; shorten it.")
        return SimpleNamespace(tokens=tokens, token_ids=list(range(tokens)), rendered=text)

    def decode(self, token_ids: list[int]) -> str:
        return " ".join(map(str, token_ids))

    def sampling_params(self, request: Any, prompt: Any) -> Any:
        self.requests.append(request)
        return SimpleNamespace(**{"max_tokens": self.context_length - prompt.tokens, **request.sampling})

    async def generate(
        self,
        prompt: Any,
        params: Any,
        request_id: str,
        adapter: str | None = None,
        trace_headers: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[Delta]:
        self.generated.append(
            SimpleNamespace(id=request_id, params=params, adapter=adapter, trace_headers=trace_headers)
        )
        self.running += 1
        ended = False
        try:
            for item in self.script:
                match item:
                    case asyncio.Event():
                        await item.wait()
                    case Exception():
                        raise item
                    case str():
                        yield Delta(item, 1)
                    case Delta():
                        yield item
            yield Delta("", 0, self.finish)
            ended = True
        finally:
            self.running -= 1
            self.aborted += not ended

    async def ping(self) -> None:
        """Answer at once."""

    def stop(self) -> None:
        self.stopped = True
