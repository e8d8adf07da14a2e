"""`script/weights download` against a server of our own that speaks the hub API's few routes."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from test_checkpoint import safetensors

ROOT = Path(__file__).resolve().parents[3]
REPO = "ibm-granite/granite-3.3-8b-instruct"
COMMIT = "51dd4bc2ade4059a6bd87649d68aa11e4fb2529b"
BIG = 12_000_000
WEIGHTS = f"/{REPO}/resolve/{COMMIT}/model.safetensors"
FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"{}",
    "model.safetensors": safetensors(a=bytes(range(250)) * (BIG // 250)),
    "chat_template.jinja": b"another",
    "modeling.py": b"raise SystemExit",
}


class Hub(ThreadingHTTPServer):
    """One repository. `requests` holds what was asked; `cut` breaks the next transfer of the weights, `broken` all."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Route)
        self.requests: list[str] = []
        self.cut = self.broken = self.gated = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Route(BaseHTTPRequestHandler):
    """Routes and headers as huggingface_hub asks for them (hf_api.py, file_download.py)."""

    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = self.path.partition("?")[0]
        self.server.requests.append(f"{self.command} {path} {self.headers.get('Range') or ''}".strip())
        if self.server.gated:
            self.send(403, b"", {"X-Error-Code": "GatedRepo"})
        elif path.startswith(f"/api/models/{REPO}/revision/"):
            siblings = [{"rfilename": name, "size": len(content)} for name, content in FILES.items()]
            known = path.rpartition("/")[2] in ("main", COMMIT)
            body = {"id": REPO, "sha": COMMIT, "siblings": siblings}
            self.send(200, json.dumps(body).encode()) if known else self.send(
                404, b"", {"X-Error-Code": "RevisionNotFound"}
            )
        elif path == f"/api/models/{REPO}/tree/{COMMIT}":
            tree = [{"type": "file", "path": name, "size": len(data), "oid": oid(data)} for name, data in FILES.items()]
            self.send(200, json.dumps(tree).encode())
        elif path.startswith(f"/{REPO}/resolve/{COMMIT}/"):
            self.file(FILES[path.rpartition("/")[2]])
        else:
            self.send(404, b"", {"X-Error-Code": "RepoNotFound"})

    def file(self, content: bytes) -> None:
        headers = {"ETag": f'"{oid(content)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        status, body = (206 if start else 200), content[start:]
        weights = self.command == "GET" and len(content) > BIG
        if weights and self.server.broken:
            self.send(500, b"")
        elif weights and self.server.cut:
            self.server.cut = False
            self.send(status, body[:-1], {**headers, "Content-Length": str(len(body))})
            self.close_connection = True
        else:
            self.send(status, body, headers)

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def oid(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def download(url: str, to: Path, *options: str) -> tuple[int, str, str]:
    """Exit code, stdout, and the last line of stderr."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    settings = {
        "PYTHON": sys.executable,
        "HF_ENDPOINT": url,
        "HF_HOME": str(to.parent / "hub"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    command = [ROOT / "script" / "weights", "download", "--to", to, *options]
    done = subprocess.run(command, env=inherited | settings, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr.rstrip("\n").rpartition("\n")[2]


def test_fetches_what_serving_needs(hub: Hub, tmp_path: Path) -> None:
    """Weights, config and tokenizer arrive whole; code and another chat template stay away."""
    to = tmp_path / "weights"
    sizes = sum(len(FILES[name]) for name in ("config.json", "tokenizer.json", "model.safetensors"))
    said = f"Fetching 3 files, {sizes / 1e9:.2f} GB, of {REPO} at {COMMIT}."
    assert download(hub.url, to) == (0, f"{to}\n", said)
    fetched = {path.name: path.read_bytes() for path in to.iterdir() if path.is_file()}
    assert fetched == {name: FILES[name] for name in ("config.json", "tokenizer.json", "model.safetensors")}


def test_takes_up_a_cut_connection(hub: Hub, tmp_path: Path) -> None:
    """A transfer that breaks off is taken up behind its last 10 MB, within the same command."""
    to, hub.cut = tmp_path / "weights", True
    assert download(hub.url, to)[:2] == (0, f"{to}\n")
    asked = [request for request in hub.requests if request.startswith(f"GET {WEIGHTS}")]
    assert asked == [f"GET {WEIGHTS}", f"GET {WEIGHTS} bytes=10485760-"]
    assert (to / "model.safetensors").read_bytes() == FILES["model.safetensors"]


def test_goes_on_after_a_failure(hub: Hub, tmp_path: Path) -> None:
    """A failed run keeps the files it has; the next one fetches the rest only."""
    to, hub.broken = tmp_path / "weights", True
    said = f"{hub.url} answered 500 for {REPO}; run the same command again to go on."
    assert download(hub.url, to, "--revision", COMMIT) == (1, "", said)
    hub.broken = False
    hub.requests.clear()
    assert download(hub.url, to, "--revision", COMMIT)[:2] == (0, f"{to}\n")
    assert [request for request in hub.requests if "GET /ibm-granite" in request] == [f"GET {WEIGHTS}"]


def test_unknown_repository(hub: Hub, tmp_path: Path) -> None:
    """A repository that the server does not have: its name, the server, the cure."""
    said = f"{hub.url} has no repository ibm-granite/absent, or it is private; check --repo, or set HF_TOKEN."
    assert download(hub.url, tmp_path / "weights", "--repo", "ibm-granite/absent") == (1, "", said)


def test_unknown_revision(hub: Hub, tmp_path: Path) -> None:
    """A revision that the repository does not have."""
    said = f"{REPO} has no revision v9; name a commit, tag or branch of it."
    assert download(hub.url, tmp_path / "weights", "--revision", "v9") == (1, "", said)


def test_gated_repository(hub: Hub, tmp_path: Path) -> None:
    """A repository whose terms nobody has accepted."""
    hub.gated = True
    said = f"{REPO} is gated; accept its terms on {hub.url}/{REPO} and set HF_TOKEN to a token of that account."
    assert download(hub.url, tmp_path / "weights") == (1, "", said)


def test_no_server(tmp_path: Path) -> None:
    """Nobody listens, and files that lie there already are not taken for a download."""
    with Hub() as server:
        url = server.url
    (tmp_path / "README.md").write_text("here before")
    said = f"{url} cannot be reached (ConnectError); check the network, then run the same command again to go on."
    assert download(url, tmp_path) == (1, "", said)


def test_malformed_name(hub: Hub, tmp_path: Path) -> None:
    """A name with a blank is refused before the server is asked."""
    said = '"granite 8b" is no repository name; write it as OWNER/NAME.'
    assert download(hub.url, tmp_path / "weights", "--repo", "granite 8b") == (1, "", said)
    assert hub.requests == []
