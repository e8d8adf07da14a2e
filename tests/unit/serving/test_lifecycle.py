"""How a server ends, with stand-ins for Cog's server, the engine and the OpenAI API."""

import asyncio

import pytest

from granite.cli.server import END_SECONDS
from granite.errors import EngineDied, ServerStopped
from granite.serving import lifecycle
from granite.serving.lifecycle import Lifecycle
from granite.serving.running import Running


class Server:
    """Stands in for all three, and writes down what is done to them."""

    def __init__(self):
        self.done = []
        self.ticks = 0
        self.term_at = None
        self.reachable = True
        self.dead = False
        self.health = "READY"
        self.running = Running()
        self.answers = asyncio.Event()
        self.answers.set()

    async def hold(self):
        return self.reachable

    def release(self):
        self.done.append("release")

    async def listening(self):
        self.ticks += 1
        return self.term_at is None or self.ticks < self.term_at

    async def status(self):
        return self.health

    def kill(self):
        self.done.append("kill")

    async def answer(self):
        await self.answers.wait()

    def drain(self):
        self.done.append("drain")

    def stop(self):
        self.done.append("stop engine")


class Door:
    def __init__(self, server):
        self.server = server
        self.running = Running()

    def drain(self):
        self.server.done.append("drain")

    async def stop(self):
        self.server.done.append("stop door")


def test_the_end_takes_no_longer_than_the_platform_is_told():
    """The manifests give a server this much beyond its grace."""
    assert lifecycle.CANCEL_SECONDS + lifecycle.WEBHOOK_SECONDS + lifecycle.STOP_SECONDS < END_SECONDS


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """No test waits for seconds of a server's life."""
    for name in ("TICK", "CHECK", "LEAVE", "WEBHOOK"):
        monkeypatch.setattr(lifecycle, f"{name}_SECONDS", 0.001)
    monkeypatch.setattr(lifecycle, "STUCK_SECONDS", 0.05)
    monkeypatch.setattr(lifecycle, "LOST_SECONDS", 0.004)


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def door(server):
    return Door(server)


def of(server, door, grace=60):
    return Lifecycle(server, server, server.running, door, grace)


async def test_sigterm_lets_both_doors_finish(server, door):
    """Then the API's port, the engine and Cog's server end, in this order."""
    go = asyncio.Event()

    async def finishes(name):
        await go.wait()
        server.done.append(name)

    server.running.add(asyncio.create_task(finishes("prediction")))
    door.running.add(asyncio.create_task(finishes("completion")))
    server.term_at = 2
    watch = asyncio.create_task(of(server, door).watch())
    while "drain" not in server.done:  # noqa: ASYNC110  # the stand-in tells nobody
        await asyncio.sleep(0)
    go.set()
    await watch
    assert server.done == ["drain", "prediction", "completion", "stop door", "stop engine", "release"]


async def test_what_does_not_finish_within_the_grace_is_canceled(server, door):
    """At both doors."""
    stuck = [asyncio.create_task(asyncio.Event().wait()) for _ in range(2)]
    server.running.add(stuck[0])
    door.running.add(stuck[1])
    server.term_at = 1
    await of(server, door, grace=0.01).watch()
    assert [task.cancelled() for task in stuck] == [True, True]
    assert server.done == ["drain", "stop door", "stop engine", "release"]


async def test_without_the_openai_api_cogs_door_drains_alone(server):
    """It is off by default."""
    server.term_at = 1
    await of(server, None).watch()
    assert server.done == ["stop engine", "release"]


async def test_a_dead_engine_kills_the_server(server, door):
    """It says so at once, not at the next tick."""
    life = of(server, door)
    assert life.failure is None
    server.dead = True
    assert life.failure == "The engine died"
    await life.watch()
    assert server.done == ["drain", "kill", "release"]


@pytest.mark.parametrize(
    ("ill", "failure", "reason"),
    [
        (lambda server: setattr(server, "dead", True), "The engine died", EngineDied),
        (lambda server: server.answers.clear(), "The engine has not answered for 0.05 s", ServerStopped),
    ],
)
async def test_what_no_engine_ends_is_ended_before_the_kill(server, door, ill, failure, reason):
    """With the sentence that fits; nothing new is taken."""
    stuck = [asyncio.create_task(asyncio.Event().wait()) for _ in range(2)]
    server.running.add(stuck[0])
    door.running.add(stuck[1])
    ill(server)
    life = of(server, door)
    await life.watch()
    assert life.failure == failure
    assert [task.cancelled() for task in stuck] == [True, True]
    assert [type(running.reason) for running in (server.running, door.running)] == [reason, reason]
    assert server.done == ["drain", "kill", "release"]


async def test_lost_slots_kill_the_server(server, door):
    """Cog says BUSY while nothing runs."""
    server.health = "BUSY"
    life = of(server, door)
    await life.watch()
    assert life.failure == "Cog has lost its slots"
    assert server.done == ["drain", "kill", "release"]


async def test_an_engine_that_dies_while_the_server_drains_kills_it(server, door):
    """The exit code says that something was lost."""

    async def dies():
        server.dead = True

    server.running.add(asyncio.create_task(dies()))
    server.term_at = 1
    await of(server, door).watch()
    assert server.done == ["drain", "drain", "kill", "release"]


async def test_a_busy_server_that_runs_something_lives(server, door):
    """So does one that is BUSY now and then."""
    server.health = "BUSY"
    go = asyncio.Event()
    server.running.add(asyncio.create_task(go.wait()))
    life = of(server, door)
    watch = asyncio.create_task(life.watch())
    while server.ticks < 40:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0)
    assert life.failure is None
    server.health = "READY"
    go.set()
    server.term_at = server.ticks + 40
    await watch
    assert server.done == ["drain", "stop door", "stop engine", "release"]


async def test_a_part_that_does_not_stop_does_not_keep_the_others(server, door, monkeypatch):
    """Nor the server: it is released all the same."""
    monkeypatch.setattr(lifecycle, "STOP_SECONDS", 0.01)

    async def stuck():
        server.done.append("stuck door")
        await asyncio.Event().wait()

    door.stop, server.term_at = stuck, 1
    await of(server, door).watch()
    assert server.done == ["drain", "stuck door", "stop engine", "release"]


async def test_an_engine_that_cannot_be_asked_is_asked_again(server, door):
    """The slots are looked after, too."""

    async def answer():
        raise RuntimeError

    server.answer, server.health = answer, "BUSY"
    life = of(server, door)
    await life.watch()
    assert life.failure == "Cog has lost its slots"


async def test_where_cogs_port_cannot_be_reached_the_engine_is_watched_all_the_same(server, door):
    """A server that listens on one address of its machine alone."""
    server.reachable, server.term_at = False, 1
    watch = asyncio.create_task(of(server, door).watch())
    await asyncio.wait({watch}, timeout=0.05)
    assert not watch.done()
    server.dead = True
    await watch
    assert server.done == ["drain", "kill", "release"]
