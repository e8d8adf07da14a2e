"""A server with both APIs, and requests to them from threads of their own."""

import concurrent.futures
import contextlib
import json
import signal
import threading
import time
from dataclasses import dataclass

import httpx
import psutil

from granite.cli.server import Server
from granite.errors import EngineDied, ServerStopped
from tests.predictions import DEADLINE, events
from tests.samples import MODEL

LONG = {"max_tokens": 8000, "min_tokens": 8000}
STORY = "Tell a very long story."
STOPPED, DIED = str(ServerStopped()), str(EngineDied())
FIELDS = {
    "chat/completions": {"messages": [{"role": "user", "content": STORY}]},
    "completions": {"prompt": "Once"},
    "responses": {"input": STORY},
}


@dataclass
class BothAPIs:
    server: Server
    openai_url: str
    headers: dict[str, str]
    processes: list[psutil.Process]
    threads: concurrent.futures.ThreadPoolExecutor

    @classmethod
    @contextlib.contextmanager
    def of(cls, server, key=None):
        """`key`: of the OpenAI API, if it has one."""
        own = psutil.Process(server.pid)
        with concurrent.futures.ThreadPoolExecutor(16) as threads:
            yield cls(
                server,
                server.openai_url,
                {"Authorization": f"Bearer {key}"} if key else {},
                [own, *own.children(recursive=True)],
                threads,
            )

    def predict(self, **inputs):
        """The last event of a streamed prediction, and when it came; returns once the first chunk is here."""

        def send(begun):
            with httpx.Client(base_url=self.server.url, timeout=DEADLINE) as client:
                last = None
                for name, data, _ in events(client, {"prompt": STORY, **inputs}):
                    last = data if name == "completed" else last
                    if name == "output":
                        begun.set()
                return last, time.monotonic()

        return self._started(send, wait=True)

    def openai(self, path="chat/completions", *, stream, **fields):
        """A request's status, its text, and when it ended; a stream returns once its first line is here."""

        def send(begun):
            body = {"model": MODEL, "stream": stream, **FIELDS[path], **fields}
            url = f"{self.openai_url}/v1/{path}"
            with httpx.stream("POST", url, json=body, headers=self.headers, timeout=DEADLINE) as response:
                text = ""
                for line in response.iter_lines():
                    text += f"{line}\n"
                    begun.set()
                return response.status_code, text, time.monotonic()

        return self._started(send, wait=stream)

    def _started(self, send, *, wait):
        begun = threading.Event()
        future = self.threads.submit(send, begun)
        assert not wait or begun.wait(DEADLINE)
        return future

    def metric(self, name):
        text = httpx.get(f"{self.openai_url}/metrics", headers=self.headers).text
        return float(next(line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"{name} ")))

    def wait_for_openai(self, sequences):
        """Return when the OpenAI API generates so many."""
        deadline = time.monotonic() + DEADLINE
        while self.metric("granite_openai_slots_in_use") < sequences:
            assert time.monotonic() < deadline

    def kill_engine(self, name="VLLM"):
        """`name`: how the names of its processes begin."""
        for process in self.processes:
            if process.name().startswith(name):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

    def assert_killed(self):
        """UNHEALTHY until the server process is killed, so that the platform restarts it; no process is left."""
        deadline = time.monotonic() + DEADLINE
        while (status := httpx.get(f"{self.server.url}/health-check", timeout=10).json()["status"]) != "UNHEALTHY":
            assert (status, time.monotonic() < deadline) == ("READY", True)
        assert self.server.ended(DEADLINE) == -signal.SIGKILL
        self.assert_gone()

    def assert_gone(self):
        _, alive = psutil.wait_procs(self.processes, timeout=30)
        assert [process.name() for process in alive] == []


def openai_error(text):
    """The sentence of an error, as a whole response or as the last event of a stream."""
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            data = json.loads(line.removeprefix("data: "))
            if error := data.get("error") or (data.get("response") or {}).get("error"):
                return error["message"]
    return None


def without_ids(value):
    """An object of the OpenAI API without its random ids and times."""
    if isinstance(value, dict):
        changing = ("id", "call_id", "created", "created_at")
        return {key: without_ids(each) for key, each in value.items() if key not in changing}
    return [without_ids(each) for each in value] if isinstance(value, list) else value
