"""The probe of Docker, Compose and Kubernetes, against a server of the test's own that answers as Cog does."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from granite.serving import health


class Cog(HTTPServer):
    """`/health-check` on loopback: 200, whatever its body says."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.body = b""
        self.code = 200


class Answers(BaseHTTPRequestHandler):
    """Answers `/health-check` and nothing else."""

    server: Cog

    def do_GET(self) -> None:
        known = self.path == "/health-check"
        self.send_response(self.server.code if known else 404)
        self.end_headers()
        self.wfile.write(self.server.body if known else b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def cog(monkeypatch) -> Iterator[Cog]:
    """A server on the port that the environment names."""
    with Cog() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("PORT", str(server.server_port))
        yield server
        server.shutdown()
        thread.join()


def answers(capsys) -> dict[str, int]:
    """The exit code of each question; what stderr told is left to the test."""
    capsys.readouterr()
    return {question: health.main([question]) for question in ("ready", "live")}


@pytest.mark.parametrize(
    ("status", "ready", "live"),
    [
        ("READY", 0, 0),
        ("BUSY", 0, 0),
        ("STARTING", 1, 0),
        ("UNKNOWN", 1, 0),
        ("SLEEPING", 1, 0),
        ("UNHEALTHY", 1, 1),
        ("SETUP_FAILED", 1, 1),
        ("DEFUNCT", 1, 1),
    ],
)
def test_the_status_decides(cog, capsys, status, ready, live):
    """BUSY serves; a status that only a later Cog has is no reason to kill a server, nor to send it requests."""
    cog.body = json.dumps({"status": status}).encode()
    assert answers(capsys) == {"ready": ready, "live": live}
    assert capsys.readouterr().err == f"The server is {status}.\n" * (ready + live)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {
                "status": "SETUP_FAILED",
                "setup": {"logs": "worker setup failed (slot 9b): Setup failed: setup failed: WeightsError: No model."},
            },
            "The server is SETUP_FAILED: No model.\n",
        ),
        (
            {"status": "UNHEALTHY", "setup": {"logs": "…"}, "user_healthcheck_error": "The engine died."},
            "The server is UNHEALTHY: The engine died.\n",
        ),
    ],
)
def test_a_dead_servers_own_sentence_is_printed(cog, capsys, body, said):
    """`docker inspect` and `kubectl describe` show it."""
    cog.body = json.dumps(body).encode()
    assert health.main(["live"]) == 1
    assert capsys.readouterr().err == said


def test_setup_logs_of_megabytes_are_no_hindrance(cog, capsys):
    """Cog sends all that setup printed with every answer."""
    cog.body = json.dumps({"status": "READY", "setup": {"logs": "Loading … \n" * 2**20}}).encode()
    assert answers(capsys) == {"ready": 0, "live": 0}


@pytest.mark.parametrize(
    ("code", "body"),
    [(200, b"<html>"), (200, b"[]"), (200, b"{}"), (200, b'{"status": null}'), (200, b"\xff"), (404, b"{}")],
)
def test_what_is_not_cog_is_neither(cog, capsys, code, body):
    """Another program on the port does not pass for a healthy server."""
    cog.code, cog.body = code, body
    assert answers(capsys) == {"ready": 1, "live": 1}
    said = f"The server on port {cog.server_port} is not Cog: it reports no status.\n"
    assert capsys.readouterr().err == said * 2


def test_a_port_that_refuses_is_neither(monkeypatch, capsys):
    """A server that ends refuses; nobody asks it then whether it is alive."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        assert answers(capsys) == {"ready": 1, "live": 1}
    assert capsys.readouterr().err == f"Nothing answers on port {port}: [Errno 111] Connection refused.\n" * 2


def test_a_server_that_does_not_answer_has_no_health():
    """It accepts the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(health.NoHealth) as caught:
            health.health(port, timeout=0.05)
    assert str(caught.value) == f"Nothing answers on port {port}: timed out."


@pytest.mark.parametrize(
    "text",
    [
        "Prediction failed: Async prediction failed: InvalidInput: top_p must be above 0.",
        "Prediction failed: Generator iteration error: EngineDied: top_p must be above 0.",
        "INFO …\nworker setup failed (slot 9b): Setup failed: setup failed: SettingsError: top_p must be above 0.\n",
        "top_p must be above 0.",
    ],
)
def test_cogs_prefix_is_removed(text):
    assert health.without_prefix(text) == "top_p must be above 0."


def test_a_proxy_of_the_environment_is_passed_by(cog, capsys, monkeypatch):
    """The server is in the same container."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    cog.body = b'{"status": "READY"}'
    assert answers(capsys) == {"ready": 0, "live": 0}


@pytest.mark.parametrize(("arguments", "code"), [(["live"], 0), (["ready"], 1), (["--help"], 0), ([], 2), (["up"], 2)])
def test_the_command_as_a_manifest_has_it(cog, arguments, code):
    """Without any package: an interpreter with the standard library alone runs it."""
    cog.body = b'{"status": "STARTING"}'
    ran = subprocess.run(
        [sys.executable, "-S", "-m", "granite.serving.health", *arguments], capture_output=True, env=os.environ
    )
    assert ran.returncode == code, ran.stderr
