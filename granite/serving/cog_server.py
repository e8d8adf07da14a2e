"""The Cog server whose worker this process is, as far as a worker can see and steer it.

coglet tells a predictor nothing of SIGTERM: it closes its listening port at once, waits for open responses without a
limit, and exits with 0. So the closed port is the signal, and an unfinished request of our own keeps the server alive
until we have ended what runs. A dead worker leaves the server running; only a signal ends it.
"""

from __future__ import annotations

import asyncio
import os
import signal

from granite.serving.health import NoHealth, health

UNFINISHED_REQUEST = (
    b"POST /predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{"
)
"""Its last byte is never sent: nothing runs for it, and it takes no slot."""

CONNECT_TIMEOUT = 10


class CogServer:
    def __init__(self, port: int, pid: int) -> None:
        """`port`: on this machine's loopback. `pid`: of the server's process."""
        self._port = port
        self._pid = pid
        self._unfinished: asyncio.StreamWriter | None = None

    @classmethod
    def own(cls) -> CogServer:
        return cls(int(os.environ.get("PORT") or 5000), os.getppid())

    async def keep_alive(self) -> bool:
        """Keep the server from exiting until `release`; False if it cannot be reached."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, self._unfinished = await asyncio.open_connection("127.0.0.1", self._port)
                self._unfinished.write(UNFINISHED_REQUEST)
                await self._unfinished.drain()
        except OSError:
            return False
        return True

    def release(self) -> None:
        if self._unfinished is not None:
            self._unfinished.close()

    async def is_listening(self) -> bool:
        """False from SIGTERM on. Failures on our side, such as a lack of file descriptors, do not count."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except ConnectionRefusedError:
            return False
        except OSError:
            return True
        writer.close()
        return True

    async def status(self) -> str:
        """The `status` of `/health-check`; empty if it does not answer."""
        try:
            return str((await asyncio.to_thread(health, self._port))["status"])
        except NoHealth:
            return ""

    def kill(self) -> None:
        """End it with exit code 137, so that the platform restarts it; this process follows."""
        os.kill(self._pid, signal.SIGKILL)
