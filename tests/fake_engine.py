"""An engine without a model, at the seam of `granite.engine.engine.Engine`."""

import asyncio
from types import SimpleNamespace

from granite.errors import PromptTooLong
from granite.output.answer import Delta


class FakeEngine:
    """Generates the same script for every request: texts of one token each, whole Deltas, Events to wait for, errors to raise.

    A test controls time by Events: `running` and `aborted` count what waits and what was closed before its end.
    """

    model = "granite"
    context_length = 4096

    def __init__(self, *script, finish="stop", adapters=()):
        self.script, self.finish, self.adapters = script, finish, adapters
        self.dead = self.stopped = False
        self.prompts, self.requests = [], []
        self.generated = []
        """Of each sequence: id, params, adapter and trace_headers."""
        self.running = self.aborted = 0

    async def tokenize(self, text, max_tokens):
        """One token for each word."""
        self.prompts.append(text)
        tokens = len(text.split() if isinstance(text, str) else text)
        if tokens + (max_tokens or 1) > self.context_length:
            raise PromptTooLong(f"The prompt has {tokens} tokens; shorten it.")
        return SimpleNamespace(tokens=tokens, token_ids=list(range(tokens)), rendered=text)

    def decode(self, token_ids):
        return " ".join(map(str, token_ids))

    async def sampling_params(self, request, prompt):
        self.requests.append(request)
        return SimpleNamespace(**{"max_tokens": self.context_length - prompt.tokens, **request.sampling})

    async def generate(self, prompt, params, request_id, adapter=None, trace_headers=None):
        sequence = {"id": request_id, "params": params, "adapter": adapter, "trace_headers": trace_headers}
        self.generated.append(SimpleNamespace(**sequence))
        self.running += 1
        ended = False
        try:
            for item in self.script:
                if isinstance(item, asyncio.Event):
                    await item.wait()
                elif isinstance(item, Exception):
                    raise item
                else:
                    yield Delta(item, 1) if isinstance(item, str) else item
            yield Delta("", 0, self.finish)
            ended = True
        finally:
            self.running -= 1
            self.aborted += not ended

    async def ping(self):
        """Answer at once."""

    def stop(self):
        self.stopped = True
