"""The OpenAI API's port and its HTTP server, on the event loop of the engine."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from granite.errors import SettingsError
from granite.openai_api.app import OpenAIApp, Slots
from granite.openai_api.generation import Generator
from granite.request.inputs import Inputs
from granite.request.prompt import PromptTemplate
from granite.request.request import Checks
from granite.serving.running import Running
from granite.settings import Settings

if TYPE_CHECKING:
    from granite.engine.engine import Engine

IDLE_SECONDS = 30
"""For a connection to send the headers of its first request, or of the next one."""

MAX_CONNECTIONS = 1024
"""At once; one more is closed. Without a bound they take the descriptors that the server needs for itself."""


def bind(settings: Settings) -> socket.socket | None:
    """Take the port before the model loads, without listening yet; None if the API is off. Raises SettingsError."""
    if settings.openai_port is None:
        return None
    host, port = settings.openai_host, settings.openai_port
    with contextlib.ExitStack() as on_error:
        try:
            family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            listener = on_error.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SettingsError(f"Port {port} is in use; set OPENAI_PORT to a free one.") from None
            reason = (error.strerror or str(error)).lower()
            raise SettingsError(f"OPENAI_PORT={port} at OPENAI_HOST={host} cannot be used: {reason}.") from None
        on_error.pop_all()
    return listener


@dataclass(frozen=True)
class OpenAIServer:
    """Serves until it is stopped."""

    app: OpenAIApp
    server: uvicorn.Server
    serving: asyncio.Task[None]

    @classmethod
    async def start(
        cls,
        listener: socket.socket | None,
        settings: Settings,
        engine: Engine,
        checks: Checks,
        template: PromptTemplate,
        defaults: Inputs,
    ) -> OpenAIServer | None:
        """Return when it answers. `listener`: from `bind`. `defaults`: of predict()'s inputs."""
        if listener is None:
            return None
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
        app = OpenAIApp(Generator(engine, checks, template), defaults, key, Slots(settings.openai_slots))
        # h11 limits the size of a request's headers; httptools is faster and does not.
        options: dict[str, Any] = {"ws": "none", "lifespan": "off", "log_config": None, "access_log": False}
        _allow_descriptors()
        server = _Server(uvicorn.Config(app, http=_Protocol, timeout_keep_alive=IDLE_SECONDS, **options))
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.wait({serving}, timeout=0.01)
            if serving.done():
                engine.stop()  # a setup that failed must not keep the GPU
                await serving
        host, port = listener.getsockname()[:2]
        structlog.get_logger().info("The OpenAI API is ready", host=host, port=port, key="required" if key else "none")
        return cls(app, server, serving)

    @property
    def running(self) -> Running:
        return self.app.running

    def drain(self) -> None:
        """Refuse new requests."""
        self.app.draining = True

    async def stop(self) -> None:
        """Close the port and every connection."""
        self.server.should_exit = self.server.force_exit = True
        await self.serving


class _Protocol(H11Protocol):
    """Gives a connection IDLE_SECONDS to send its first request or the next one, up to the end of its headers.

    uvicorn has no limit for the first, and none once a byte has come.
    """

    most = MAX_CONNECTIONS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        if len(self.connections) > self.most:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        # uvicorn's own ends the timer here, and again once it has read the headers.
        self.conn.receive_data(data)
        self.handle_events()


def _allow_descriptors() -> None:
    """Raise this process's limit: many systems begin with 1024, less than the connections and the engine take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * MAX_CONNECTIONS
    if soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: SIGTERM is Cog's."""
        yield
