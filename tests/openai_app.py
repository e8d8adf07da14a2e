"""The OpenAI API in this process, on a fake engine: a client, and a connection that a test drives message by message."""

import asyncio
import json
from pathlib import Path

import httpx2
from prometheus_client import REGISTRY

from granite.openai_api.app import OpenAIApp, Slots
from granite.openai_api.generation import Generator
from granite.request.prompt import PromptTemplate
from granite.request.request import Checks
from tests.inputs import DEFAULTS

TEMPLATE = PromptTemplate(Path(__file__).parent.parent / "chat_template.jinja")
HI = [{"role": "user", "content": "Hi."}]
ROUTES = {"chat/completions": {"messages": HI}, "completions": {"prompt": "Hi."}, "responses": {"input": "Hi."}}
"""The smallest body of each route."""
THOUGHTS = ("<think>", "Hm", ".", "</think><resp", "onse>", "Paris.", "</response>")
CALLS = '<|tool_call|>[{"name": "weather", "arguments": {"city": "Paris"}}, {"name": "weather", "arguments": {}}]'


def token(text, logprob=-0.5):
    """A TokenLogprob; without a log probability, that of a prompt's first token."""
    alternative = {"token": text, "logprob": logprob, "bytes": list(text.encode())}
    return {**alternative, "top_logprobs": [] if logprob is None else [alternative]}


def app_of(engine, key=None, slots=4, **options):
    checks = Checks(engine.adapters or (), trust_chat_template=False)
    return OpenAIApp(Generator(engine, checks, TEMPLATE), DEFAULTS, key, Slots(slots), **options)


class Client:
    def __init__(self, app):
        self.http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://granite")
        self.get = self.http.get

    async def post(self, route, **body):
        return await self.http.post(f"/v1/{route}", json=ROUTES[route] | body)

    async def events(self, route, **body):
        response = await self.post(route, stream=True, **body)
        assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        return events(response.text)

    async def error(self, route, **body):
        """Status and sentence of a request that fails as a whole."""
        return error_of(await self.post(route, **body))


def events(text):
    """The data of a stream's events."""
    data = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [each if each == "[DONE]" else json.loads(each) for each in data]


def error_of(response):
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == response.status_code
    return response.status_code, error["message"]


class Connection:
    """One request over ASGI. `sent`: what the server sent. `reads`: cleared, the client takes nothing."""

    def __init__(self, app, route="chat/completions", **body):
        self._arriving, self._body = asyncio.Queue(), json.dumps(ROUTES[route] | body).encode()
        self.sent, self.awaited, self.reads = [], asyncio.Event(), asyncio.Event()
        self.reads.set()
        scope = {"type": "http", "method": "POST", "path": f"/v1/{route}", "headers": [], "query_string": b""}
        self.task = asyncio.create_task(app(scope, self._arrive, self._take))

    def send_body(self):
        self._arriving.put_nowait({"type": "http.request", "body": self._body})

    def leave(self):
        self._arriving.put_nowait({"type": "http.disconnect"})

    async def end(self):
        """Wait until the server is done with it; return the status and the text."""
        await asyncio.wait_for(self.task, 5)
        status = self.sent[0]["status"] if self.sent else None
        return status, b"".join(message.get("body", b"") for message in self.sent).decode()

    async def _arrive(self):
        self.awaited.set()
        return await self._arriving.get()

    async def _take(self, message):
        await self.reads.wait()
        if message["type"] == "http.response.start":
            await asyncio.sleep(0)  # others may send meanwhile
        self.sent.append(message)


async def settle(condition):
    """Let the event loop run until `condition` holds."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never happened")


def slots_in_use():
    return REGISTRY.get_sample_value("granite_openai_slots_in_use")
