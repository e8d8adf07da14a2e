"""The port: taken before the model loads, served on the running event loop."""

import asyncio
import contextlib
import signal
import socket

import httpx2
import pytest

from granite.errors import ServerStopped, SettingsError
from granite.openai_api import server as server_module
from granite.openai_api.server import OpenAIServer, bind
from granite.request.request import Checks
from granite.settings import Settings
from tests.fake_engine import FakeEngine
from tests.inputs import DEFAULTS
from tests.openai_app import TEMPLATE, events


def test_the_port_is_off_by_default():
    assert bind(Settings()) is None


def test_a_port_that_is_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as caught:
            bind(Settings(openai_port=port))
    assert str(caught.value) == f"Port {port} is in use; set OPENAI_PORT to a free one."


@pytest.fixture
async def port(monkeypatch):
    """Of a server that takes two connections, and waits for headers a tenth of a second."""
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(server_module._Protocol, "most", 2)
    with socket.create_server(("127.0.0.1", 0)) as free:
        settings = Settings(openai_port=free.getsockname()[1])
    checks = Checks((), trust_chat_template=False)
    server = await OpenAIServer.start(bind(settings), settings, FakeEngine("a"), checks, TEMPLATE, DEFAULTS)
    yield settings.openai_port
    await server.stop()


@pytest.mark.parametrize("sent", [b"", b"GET /hea", b"GET /health HTTP/1.1\r\nHost: x\r\n"])
async def test_headers_have_a_deadline(port, sent):
    """Nothing, or a part of them: either would hold a connection for ever."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_connections_have_a_bound(port, monkeypatch):
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 60)
    kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    for _, writer in kept:
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [(await reader.readline())[:12] for reader, _ in kept] == [b"HTTP/1.1 200"] * 2
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    for each in (writer, *(writer for _, writer in kept)):
        each.close()


async def test_it_serves_until_it_is_stopped():
    on_sigterm = signal.getsignal(signal.SIGTERM)
    engine = FakeEngine("a", asyncio.Event())
    assert await OpenAIServer.start(None, Settings(), engine, None, TEMPLATE, DEFAULTS) is None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = Settings(openai_port=port, openai_api_key="secret", openai_max_concurrency=3)
    listener = bind(settings)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    checks = Checks((), trust_chat_template=False)
    server = await OpenAIServer.start(listener, settings, engine, checks, TEMPLATE, DEFAULTS)
    client = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": "Bearer secret"})
    stream = {"prompt": "x", "stream": True}
    async with client, client.stream("POST", "/v1/completions", json=stream) as response:
        lines = response.aiter_lines()
        assert '"text":"a"' in await anext(lines)
        assert len(server.running) == 1
        assert signal.getsignal(signal.SIGTERM) == on_sigterm
        async with client.stream("POST", "/v1/completions", json=stream) as dropped:
            await anext(dropped.aiter_lines())
        while len(server.running) > 1:  # noqa: ASYNC110  # no event exists for it
            await asyncio.sleep(0)
        assert engine.aborted == 1
        server.drain()
        assert (await client.get("/health")).status_code == 503
        server.running.cancel()
        rest = events("\n".join([line async for line in lines]))
        assert (rest[0]["error"]["message"], rest[1]) == (str(ServerStopped()), "[DONE]")
    await asyncio.wait_for(server.stop(), 5)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
