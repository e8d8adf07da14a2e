"""What constrains an answer is first compiled in a process that it cannot take anything down with.

xgrammar recurses without a bound and compiles without an end: a schema of 60 KB can crash the process that reads it, or
occupy the engine's only thread for all grammars. Written against vLLM 0.32: how it turns choices into a grammar.
"""

import asyncio
import contextlib
import hashlib
import json
import socket
import subprocess
import sys
from pathlib import Path

from vllm.v1.structured_output.utils import choice_as_grammar, grammar_is_likely_lark

from granite.engine import vllm_errors
from granite.errors import EngineError, InvalidInput
from granite.request.structured_output import Guide

PROGRAM = Path(__file__).with_name("grammar_process.py")

AT_ONCE = 2
"""Grammars that are compiled at once: they share the processor with the engine."""

SECONDS = 0.2
"""Within which a process that has closed its socket has ended."""

REMEMBERED = 1024
"""Grammars that passed and are not compiled again."""

TOO_LARGE = (
    "is too large for guided decoding: compiling it takes more than 2 s of processor time, 512 MiB of memory, or too many "
    "levels; simplify it."
)


class GrammarCheck:
    """`model`: a directory with a tokenizer. `vocabulary`: the model's size of it. `compact`: JSON without white space."""

    def __init__(self, model: str, vocabulary: int, *, compact: bool) -> None:
        self._arguments = [model, str(vocabulary)]
        self._compact = compact
        self._passed: dict[bytes, None] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._start()

    def _start(self) -> None:
        # A packet is one connection; the process ends when this end of the socket is closed.
        self._connections, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-I", str(PROGRAM), *self._arguments, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)

    def stop(self) -> None:
        self._connections.close()

    async def check(self, guide: Guide) -> None:
        """Raise InvalidInput for what cannot be compiled or takes too much."""
        wanted = json.dumps(self._wanted(guide)).encode()
        key = hashlib.sha256(wanted).digest()
        if key not in self._passed:
            async with self._turns:
                errors = await self._compile(wanted)
            if errors is None:
                raise InvalidInput(f"`{guide.source}` {TOO_LARGE}")
            if errors:
                reason = vllm_errors.for_caller(ValueError(*errors))
                raise InvalidInput(f"`{guide.source}` cannot be enforced by guided decoding: {reason}")
        self._passed.pop(key, None)
        self._passed[key] = None
        if len(self._passed) > REMEMBERED:
            del self._passed[next(iter(self._passed))]

    def _wanted(self, guide: Guide) -> dict[str, str | bool]:
        """What to compile, as vLLM does."""
        kind, text = guide.field, guide.value
        if kind == "json":
            text = json.dumps(text)
        elif kind == "choice":
            kind, text = "grammar", choice_as_grammar(text)
        elif kind == "grammar" and grammar_is_likely_lark(text):
            kind = "lark"
        return {"kind": kind, "text": text, "compact": self._compact}

    async def _compile(self, wanted: bytes) -> list[str] | None:
        """The error, or none; None if compiling takes too much. Raises EngineError if the process cannot be started."""
        for _ in range(2):
            if self._process.poll() is not None:
                self._connections.close()
                self._start()
            with contextlib.suppress(ConnectionError):
                if answer := await self._ask(wanted):
                    return list(json.loads(answer))
            # Nothing comes when the compiler crashes, and when the process that starts it has died.
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._process.wait, SECONDS)
            if self._process.poll() is None:
                return None
        raise EngineError("What constrains the answer cannot be checked now; send the request again.")

    async def _ask(self, wanted: bytes) -> bytes:
        """Raises ConnectionError."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._connections, [b"."], [theirs.fileno()])
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            writer.write(wanted)
            writer.write_eof()
            return await reader.read()
        finally:
            writer.close()
