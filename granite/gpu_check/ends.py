"""How requests and the server end: a cancel, SIGTERM, a killed engine."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx2
import psutil

from granite.cli.client import events
from granite.cli.server import END_SECONDS, Server
from granite.errors import EngineDied
from granite.gpu_check.calls import Calls
from granite.gpu_check.checks import Failure, Figures
from granite.serving.health import without_prefix
from granite.settings import Settings

STORY = "Tell a very long story."
RUNNING = "vllm:num_requests_running"
SECONDS = 30
"""For what must happen at once."""


def cancel(calls: Calls) -> Figures:
    """A closed stream of either API frees the engine."""
    half = calls.context // 2
    inputs = {"prompt": STORY, "min_tokens": half, "max_tokens": half}
    body = {"model": calls.model, "stream": True, **inputs}
    streams = {
        "cog": (f"{calls.server.url}/predictions", {"input": inputs}, {"Accept": "text/event-stream"}),
        "openai": (f"{calls.server.openai_url}/v1/completions", body, calls.headers),
    }
    figures: Figures = {}
    for name, (url, content, headers) in streams.items():
        with httpx2.stream("POST", url, json=content, headers=headers, timeout=None, trust_env=False):
            _wait(lambda: calls.metric(RUNNING) > 0, f"A stream of the {name} API is not in the metrics.")
        figures[f"{name}_s"] = _wait(lambda: calls.metric(RUNNING) == 0, f"A closed stream of the {name} API ran on.")
    return figures


def terminated(calls: Calls, tokens: int) -> Figures:
    """SIGTERM lets a running stream finish, ends the server with exit code 0 and leaves no process."""
    with _no_process_left(calls.server):
        rest = _stream(calls, tokens)
        os.kill(calls.server.pid, signal.SIGTERM)
        figures = _end(calls.server, rest, Settings.from_environment().shutdown_grace + END_SECONDS)
    if figures["exit_code"] != 0 or figures["status"] not in ("succeeded", "canceled"):
        raise Failure("The server did not end in order.", figures)
    return figures


def killed(calls: Calls) -> Figures:
    """The death of the engine fails the running request with our sentence, and ends the server with exit code 137."""
    with _no_process_left(calls.server):
        rest = _stream(calls, calls.context // 2)
        for process in psutil.Process(calls.server.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.name().startswith("VLLM"):
                    process.kill()
        figures = _end(calls.server, rest, SECONDS)
    if figures["exit_code"] != 137 or figures["sentence"] != str(EngineDied()):
        raise Failure("The server did not end as a dead engine should end it.", figures)
    return figures


def _stream(calls: Calls, tokens: int) -> Future[Figures]:
    """How a prediction ends, read beside us once its first chunk is here: its status and our sentence."""
    stream = events(calls.server.url, {"prompt": STORY, "min_tokens": tokens, "max_tokens": tokens})
    if not any(event == "output" for event, _ in stream):
        raise Failure("A stream ended before its first chunk.")

    def rest() -> Figures:
        *_, (_, prediction) = stream
        return {"status": prediction["status"], "sentence": without_prefix(prediction.get("error") or "")}

    threads = ThreadPoolExecutor(1)
    try:
        return threads.submit(rest)
    finally:
        threads.shutdown(wait=False)


def _end(server: Server, rest: Future[Figures], seconds: float) -> Figures:
    """Wait for the server's end, for so many seconds."""
    began = time.monotonic()
    try:
        code = server.ended(seconds)
    except subprocess.TimeoutExpired:
        raise Failure(f"The server did not end within {seconds:.0f} s.") from None
    # A signal's number is negative here; a shell and Docker add it to 128.
    return {
        "seconds": round(time.monotonic() - began, 1),
        "exit_code": code if code >= 0 else 128 - code,
        **rest.result(SECONDS),
    }


@contextlib.contextmanager
def _no_process_left(server: Server) -> Generator[None]:
    own = psutil.Process(server.pid)
    processes = [own, *own.children(recursive=True)]
    yield
    _, alive = psutil.wait_procs(processes, timeout=SECONDS)
    if alive:
        raise Failure(f"A process is left: {alive[0].name()}.")


def _wait(done: Callable[[], bool], sentence: str) -> float:
    """Seconds until `done()`. Raises Failure with this sentence."""
    began = time.monotonic()
    while not done():
        if time.monotonic() > began + SECONDS:
            raise Failure(sentence)
    return round(time.monotonic() - began, 2)
