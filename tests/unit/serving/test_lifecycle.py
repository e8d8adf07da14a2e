"""How a server ends, with stand-ins for Cog's server, the engine and the OpenAI API."""

import asyncio
from dataclasses import replace

import pytest

from granite.cli.server import END_SECONDS
from granite.errors import EngineDied, ServerStopped
from granite.serving.lifecycle import Lifecycle, Timing
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

    async def keep_alive(self):
        return self.reachable

    def release(self):
        self.done.append("release")

    async def is_listening(self):
        self.ticks += 1
        return self.term_at is None or self.ticks < self.term_at

    async def status(self):
        return self.health

    def kill(self):
        self.done.append("kill")

    async def ping(self):
        await self.answers.wait()

    def drain(self):
        self.done.append("drain")

    def stop(self):
        self.done.append("stop engine")


class API:
    def __init__(self, server):
        self.server = server
        self.running = Running()

    def drain(self):
        self.server.done.append("drain")

    async def stop(self):
        self.server.done.append("stop API")


TIMING = Timing(grace=60, tick=0.001, check=0.001, hung=0.05, slots_lost=0.004, leave=0.001, webhooks=0.001)
"""No test waits for seconds of a server's life."""


def test_the_end_takes_no_longer_than_the_platform_waits():
    """The manifests give a server this much beyond its grace."""
    timing = Timing()
    assert timing.cancel + timing.webhooks + timing.stop < END_SECONDS


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def api(server):
    return API(server)


def of(server, api, grace=60):
    return Lifecycle(server, server, server.running, api, replace(TIMING, grace=grace))


async def test_sigterm_lets_both_apis_finish(server, api):
    """Then the API's port, the engine and Cog's server end, in this order."""
    go = asyncio.Event()

    async def finishes(name):
        await go.wait()
        server.done.append(name)

    server.running.add(asyncio.create_task(finishes("prediction")))
    api.running.add(asyncio.create_task(finishes("completion")))
    server.term_at = 2
    watch = asyncio.create_task(of(server, api).watch())
    while "drain" not in server.done:  # noqa: ASYNC110  # the stand-in tells nobody
        await asyncio.sleep(0)
    go.set()
    await watch
    assert server.done == ["drain", "prediction", "completion", "stop API", "stop engine", "release"]


async def test_what_does_not_finish_within_the_grace_is_canceled(server, api):
    """At both APIs."""
    stuck = [asyncio.create_task(asyncio.Event().wait()) for _ in range(2)]
    server.running.add(stuck[0])
    api.running.add(stuck[1])
    server.term_at = 1
    await of(server, api, grace=0.01).watch()
    assert [task.cancelled() for task in stuck] == [True, True]
    assert server.done == ["drain", "stop API", "stop engine", "release"]


async def test_without_the_openai_api_the_cog_api_drains_alone(server):
    """It is off by default."""
    server.term_at = 1
    await of(server, None).watch()
    assert server.done == ["stop engine", "release"]


async def test_a_dead_engine_kills_the_server(server, api):
    """It says so at once, not at the next tick."""
    life = of(server, api)
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
async def test_what_no_engine_ends_is_ended_before_the_kill(server, api, ill, failure, reason):
    """With the sentence that fits; nothing new is taken."""
    stuck = [asyncio.create_task(asyncio.Event().wait()) for _ in range(2)]
    server.running.add(stuck[0])
    api.running.add(stuck[1])
    ill(server)
    life = of(server, api)
    await life.watch()
    assert life.failure == failure
    assert [task.cancelled() for task in stuck] == [True, True]
    assert [type(running.reason) for running in (server.running, api.running)] == [reason, reason]
    assert server.done == ["drain", "kill", "release"]


async def test_lost_slots_kill_the_server(server, api):
    """Cog says BUSY while nothing runs."""
    server.health = "BUSY"
    life = of(server, api)
    await life.watch()
    assert life.failure == "Cog has lost its slots"
    assert server.done == ["drain", "kill", "release"]


async def test_an_engine_that_dies_while_the_server_drains_kills_it(server, api):
    """The exit code says that something was lost."""

    async def dies():
        server.dead = True

    server.running.add(asyncio.create_task(dies()))
    server.term_at = 1
    await of(server, api).watch()
    assert server.done == ["drain", "drain", "kill", "release"]


async def test_a_busy_server_that_runs_something_lives(server, api):
    """So does one that is BUSY now and then."""
    server.health = "BUSY"
    go = asyncio.Event()
    server.running.add(asyncio.create_task(go.wait()))
    life = of(server, api)
    watch = asyncio.create_task(life.watch())
    while server.ticks < 40:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0)
    assert life.failure is None
    server.health = "READY"
    go.set()
    server.term_at = server.ticks + 40
    await watch
    assert server.done == ["drain", "stop API", "stop engine", "release"]


async def test_a_part_that_does_not_stop_does_not_keep_the_others(server, api):
    """Nor the server: it is released all the same."""

    async def stuck():
        server.done.append("stuck api")
        await asyncio.Event().wait()

    api.stop, server.term_at = stuck, 1
    await Lifecycle(server, server, server.running, api, replace(TIMING, stop=0.01)).watch()
    assert server.done == ["drain", "stuck api", "stop engine", "release"]


async def test_a_ping_that_fails_is_tried_again(server, api):
    """And the slots are still checked."""

    async def ping():
        raise RuntimeError

    server.ping, server.health = ping, "BUSY"
    life = of(server, api)
    await life.watch()
    assert life.failure == "Cog has lost its slots"


async def test_where_cogs_port_cannot_be_reached_the_engine_is_watched_all_the_same(server, api):
    """A server that listens on one address of its machine alone."""
    server.reachable, server.term_at = False, 1
    watch = asyncio.create_task(of(server, api).watch())
    await asyncio.wait({watch}, timeout=0.05)
    assert not watch.done()
    server.dead = True
    await watch
    assert server.done == ["drain", "kill", "release"]
