"""A server with the few routes of Hugging Face's hub API that a download uses."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from safetensors.numpy import save

REPO = "ibm-granite/granite-3.3-8b-instruct"
COMMIT = "51dd4bc2ade4059a6bd87649d68aa11e4fb2529b"
BIG = 12_000_000
WEIGHTS = f"/{REPO}/resolve/{COMMIT}/model.safetensors"
FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"{}",
    "model.safetensors": save({"a": np.arange(BIG, dtype=np.uint8)}),
    "chat_template.jinja": b"another",
    "modeling.py": b"raise SystemExit",
}


class Hub(ThreadingHTTPServer):
    """One repository. `cut` breaks the next transfer of the weights, `broken` all of them."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Route)
        self.requests = []
        self.cut = self.broken = self.gated = False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    @classmethod
    @contextmanager
    def running(cls):
        with cls() as hub:
            thread = threading.Thread(target=hub.serve_forever, args=[0.01])
            thread.start()
            yield hub
            hub.shutdown()
            thread.join()


class Route(BaseHTTPRequestHandler):
    """Routes and headers that huggingface_hub uses (hf_api.py, file_download.py)."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        self.server.requests.append(f"{self.command} {path} {self.headers.get('Range') or ''}".strip())
        if self.server.gated:
            self.send(403, b"", {"X-Error-Code": "GatedRepo"})
        elif path in (f"/api/models/{REPO}/revision/main", f"/api/models/{REPO}/revision/{COMMIT}"):
            siblings = [{"rfilename": name, "size": len(content)} for name, content in FILES.items()]
            self.send(200, json.dumps({"id": REPO, "sha": COMMIT, "siblings": siblings}).encode())
        elif path.startswith(f"/api/models/{REPO}/revision/"):
            self.send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif path == f"/api/models/{REPO}/tree/{COMMIT}":
            tree = [{"type": "file", "path": name, "size": len(data), "oid": oid(data)} for name, data in FILES.items()]
            self.send(200, json.dumps(tree).encode())
        elif path.startswith(f"/{REPO}/resolve/{COMMIT}/"):
            self.file(FILES[path.rpartition("/")[2]])
        else:
            self.send(404, b"", {"X-Error-Code": "RepoNotFound"})

    def do_HEAD(self):
        self.do_GET()

    def file(self, content):
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        headers = {"ETag": f'"{oid(content)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        weights = self.command == "GET" and len(content) > BIG
        if weights and self.server.broken:
            self.send(500, b"")
        elif weights and self.server.cut:
            self.server.cut, self.close_connection = False, True
            self.send(200, content[:-1], headers, length=len(content))
        else:
            self.send(206 if start else 200, content[start:], headers)

    def send(self, status, body, headers=None, length=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(length or len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        """Log nothing."""


def oid(content):
    return hashlib.sha1(content).hexdigest()
