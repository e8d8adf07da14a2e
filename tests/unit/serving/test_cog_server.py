"""What a worker sees of Cog's server, from a small server of the tests' own."""

import asyncio
import signal
import subprocess
import sys

import pytest

from granite.serving.cog_server import UNFINISHED_REQUEST, CogServer


@pytest.fixture
async def server():
    """Notes what arrives, and says one status."""
    arrived, closed = [], asyncio.Event()

    async def serve(reader, writer):
        head = await reader.read(len(UNFINISHED_REQUEST))
        arrived.append(head)
        if head.startswith(b"GET /health-check "):
            writer.write(b'HTTP/1.1 200 OK\r\n\r\n{"status": "BUSY", "setup": {"logs": "' + b"x" * 200_000 + b'"}}')
        else:
            await reader.read()
            closed.set()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        yield CogServer(port, 0), arrived, closed, listening


async def test_an_unfinished_request_holds_it(server):
    """Until it is released: no byte follows."""
    cog, arrived, closed, _ = server
    assert await cog.keep_alive()
    while not arrived:  # noqa: ASYNC110  # the server tells nobody
        await asyncio.sleep(0)
    assert arrived == [UNFINISHED_REQUEST]
    assert not closed.is_set()
    cog.release()
    await asyncio.wait_for(closed.wait(), 60)


async def test_it_listens_until_its_port_closes(server):
    """That is what SIGTERM does first."""
    cog, *_, listening = server
    assert await cog.is_listening()
    listening.close()
    assert not await cog.is_listening()


async def test_what_keeps_us_from_its_port_is_not_its_end(server, monkeypatch):
    """Such as a lack of file descriptors, or a full queue."""

    async def fails(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(asyncio, "open_connection", fails)
    assert await server[0].is_listening()


async def test_its_status_is_read_from_an_answer_of_any_length(server):
    """The setup's log is in it."""
    assert await server[0].status() == "BUSY"


async def test_where_nothing_listens_there_is_nothing_to_hold():
    """Nor a status."""
    cog = CogServer(1, 0)
    assert not await cog.keep_alive()
    assert await cog.status() == ""
    cog.release()


def test_it_is_killed():
    """With the exit code 137, as a shell counts."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    CogServer(1, process.pid).kill()
    assert process.wait(60) == -signal.SIGKILL
    process.stdin.close()
