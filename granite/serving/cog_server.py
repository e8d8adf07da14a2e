"""The Cog server whose worker this process is, as far as a worker can see and steer it.

coglet tells a predictor nothing of SIGTERM. It closes its listening port at once, waits for open responses without a
limit, and exits with 0. So the port tells that it came, and a request of our own that is never finished keeps the server
until we have ended what runs. A worker that dies leaves the server up; what ends the server is a signal.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal

UNFINISHED = (
    b"POST /predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{"
)
"""A request whose last byte is never sent: nothing runs for it, and no slot is taken."""

ANSWER_SECONDS = 10


class CogServer:
    """At `port` of this machine's loopback; its process is this one's parent."""

    def __init__(self, port: int, process: int) -> None:
        self._port = port
        self._process = process
        self._held: asyncio.StreamWriter | None = None

    @classmethod
    def own(cls) -> CogServer:
        return cls(int(os.environ.get("PORT") or 5000), os.getppid())

    async def hold(self) -> bool:
        """Keep the server from exiting until `release`; whether it could be reached."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                _, self._held = await asyncio.open_connection("127.0.0.1", self._port)
                self._held.write(UNFINISHED)
                await self._held.drain()
        except OSError:
            return False
        return True

    def release(self) -> None:
        if self._held is not None:
            self._held.close()

    async def listening(self) -> bool:
        """Whether it takes connections: no longer after SIGTERM. What else keeps us from one is not its end."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except ConnectionRefusedError:
            return False
        except OSError:
            return True
        writer.close()
        return True

    async def status(self) -> str:
        """What `/health-check` says; empty where it says nothing."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(b"GET /health-check HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                response = await reader.read()
                writer.close()
            return str(json.loads(response.partition(b"\r\n\r\n")[2])["status"])
        except (OSError, ValueError, LookupError, TypeError):
            return ""

    def kill(self) -> None:
        """End it with exit code 137, so that the platform restarts it; this process follows."""
        os.kill(self._process, signal.SIGKILL)
