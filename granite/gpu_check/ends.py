"""How requests and the server end: a cancel, SIGTERM, a killed engine."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

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
    long = {"min_tokens": calls.context // 2, "max_tokens": calls.context // 2}
    figures: Figures = {}
    with contextlib.closing(events(calls.server.url, {"prompt": STORY, **long})) as stream:
        _until_first(stream)
        _wait(lambda: calls.metric(RUNNING) >= 1, "A running request is not in the metrics.")
    figures["cog_s"] = _wait(lambda: not calls.metric(RUNNING), "A closed stream of the Cog API ran on.")
    body = {"model": calls.model, "prompt": STORY, "stream": True, **long}
    url = f"{calls.server.openai_url}/v1/completions"
    with httpx2.stream("POST", url, json=body, headers=calls.headers, timeout=None, trust_env=False) as response:
        next(response.iter_lines())
    figures["openai_s"] = _wait(lambda: not calls.metric(RUNNING), "A closed stream of the OpenAI API ran on.")
    return figures


def terminated(calls: Calls, tokens: int) -> Figures:
    """SIGTERM lets a running stream finish, ends with exit code 0 and leaves no process."""
    stream = events(calls.server.url, {"prompt": STORY, "min_tokens": tokens, "max_tokens": tokens})
    with _no_process_left(calls.server):
        rest = _rest(stream)
        os.kill(calls.server.pid, signal.SIGTERM)
        began = time.monotonic()
        code = _ended(calls.server, Settings.from_environment().shutdown_grace + END_SECONDS)
        figures: Figures = {"seconds": round(time.monotonic() - began, 1), "exit_code": code, **rest.result(SECONDS)}
    if code != 0 or figures["status"] not in ("succeeded", "canceled"):
        raise Failure("The server did not end in order.", figures)
    return figures


def killed(calls: Calls) -> Figures:
    """The death of the engine fails the running request with our sentence, and ends the server with exit code 137."""
    half = calls.context // 2
    stream = events(calls.server.url, {"prompt": STORY, "min_tokens": half, "max_tokens": half})
    with _no_process_left(calls.server):
        rest = _rest(stream)
        for process in psutil.Process(calls.server.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.name().startswith("VLLM"):
                    process.kill()
        began = time.monotonic()
        code = _ended(calls.server, SECONDS)
        figures: Figures = {
            "seconds": round(time.monotonic() - began, 1),
            "exit_code": 128 - code,
            **rest.result(SECONDS),
        }
    if code != -signal.SIGKILL or figures["sentence"] != str(EngineDied()):
        raise Failure("The server did not end as a dead engine should end it.", figures)
    return figures


def _until_first(stream: Generator[tuple[str, Any]]) -> None:
    """Raises Failure if a prediction ends without a chunk."""
    if not any(event == "output" for event, _ in stream):
        raise Failure("A stream ended before its first chunk.")


def _rest(stream: Generator[tuple[str, Any]]) -> Future[Figures]:
    """Read a prediction beside us, once its first chunk is here."""
    _until_first(stream)
    threads = ThreadPoolExecutor(1)
    try:
        return threads.submit(_last, stream)
    finally:
        threads.shutdown(wait=False)


def _last(stream: Generator[tuple[str, Any]]) -> Figures:
    """How a prediction ended: its status and our sentence."""
    *_, (_, prediction) = stream
    return {"status": prediction["status"], "sentence": without_prefix(prediction.get("error") or "")}


def _ended(server: Server, seconds: float) -> int:
    try:
        return server.ended(seconds)
    except subprocess.TimeoutExpired:
        raise Failure(f"The server did not end within {seconds:.0f} s.") from None


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
