"""A command's own server for as long as the command runs, with the progress of its start on stderr."""

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from rich.console import Console

from granite import hardware
from granite.cli.environment import say
from granite.cli.server import Server, free_port
from granite.settings import Settings


@contextlib.contextmanager
def ready(extra: Mapping[str, str] = MappingProxyType({})) -> Iterator[Server]:
    """Start a server, yield it once it is READY, stop it. Raises OperatorError."""
    began = time.monotonic()
    # On a CPU, compiling the model takes longer than a few answers can gain from it.
    eager = {} if hardware.is_for_gpus() else {"enforce_eager": True}
    engine_args = json.dumps({**eager, **Settings.from_environment().engine_args})
    with Server({"ENGINE_ARGS": engine_args, **extra}) as server:
        # On a terminal one live line, in a pipe plain lines.
        with Console(stderr=True).status("Starting the server …") as status:
            server.wait(status.update if sys.stderr.isatty() else say)
        say(f"Ready after {time.monotonic() - began:.0f} s.")
        yield server


@contextlib.contextmanager
def openai_api() -> Iterator[str]:
    """The same, for the address of its OpenAI API. Raises OperatorError."""
    with ready({"OPENAI_HOST": "127.0.0.1", "OPENAI_PORT": str(free_port())}) as server:
        yield server.openai_url
