"""Ends the whole server once one of its processes has died: a process of its own, which no crash of theirs reaches.

coglet goes on serving without its worker, and says READY or STARTING for ever; a killed server leaves the engine behind,
with all memory of the GPU. Standard library only: it runs as a script, in a few milliseconds and megabytes.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping

LAUNCHER = "GRANITE_LAUNCHER"
"""Names the process of the command that started this server; with it the server ends, too."""

GRACE = 1
"""Seconds for the others to end by themselves, as they do after SIGTERM."""


def start(environ: Mapping[str, str] = os.environ) -> None:
    """Guard this worker and its server from now on. Call it before the worker starts any other process."""
    server = os.getppid()
    # All that the worker starts is killed as one group: the server's, if it leads one, else the worker's own.
    if os.getpgrp() != server:
        os.setpgid(0, 0)
    try:
        watched = [os.pidfd_open(pid) for pid in (server, os.getpid(), *map(int, environ.get(LAUNCHER, "").split()))]
    except ProcessLookupError:  # it died before we came here
        os.kill(server, signal.SIGKILL)
        sys.exit(128 + signal.SIGKILL)
    except OSError as error:  # a kernel before 5.3, or a container that forbids it
        import structlog  # not where this file runs as a script

        structlog.get_logger().warning("No guardian: if the worker dies, restart this server", reason=error.strerror)
        return
    command = [sys.executable, "-IS", __file__, str(os.getpgrp()), *map(str, watched)]

    def run() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, pass_fds=watched, stdin=subprocess.DEVNULL, start_new_session=True)

    def keep(guardian: subprocess.Popen[bytes]) -> None:
        while True:
            guardian.wait()
            guardian = run()

    threading.Thread(target=keep, args=[run()], name="guardian", daemon=True).start()


def guard(group: int, server: int, *others: int) -> None:
    """Wait until one has died; then kill the rest. `group`: a process group. `server`, `others`: processes, as pidfds."""
    waiting = select.poll()
    for process in (server, *others):
        waiting.register(process, select.POLLIN)
    dead = {process for process, _ in waiting.poll()}
    for process in dead:
        waiting.unregister(process)
    if len(dead) <= len(others):
        waiting.poll(GRACE * 1000)
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(server, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    guard(*map(int, sys.argv[1:]))
