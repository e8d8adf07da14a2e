"""A server with the few routes of Hugging Face's hub API that a download uses (hf_api.py, file_download.py)."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from safetensors.numpy import save

REPO = "ibm-granite/granite-3.3-8b-instruct"
COMMIT = "51dd4bc2ade4059a6bd87649d68aa11e4fb2529b"
MODEL = f"/api/models/{REPO}"
FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"{}",
    "model.safetensors": save({"a": np.arange(5)}),
    "chat_template.jinja": b"another",
    "modeling.py": b"raise SystemExit",
}


class Hub(ThreadingHTTPServer):
    """One repository. `faults`: a status and the hub's error code for each request that contains a text."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Route)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests = []
        self.faults = {}

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
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        request = f"{self.command} {path}"
        self.server.requests.append(request)
        name = path.rpartition("/")[2]
        fault = next((fault for text, fault in self.server.faults.items() if text in request), None)
        if fault:
            self.send(fault[0], b"", {"X-Error-Code": fault[1]})
        elif path.startswith(f"{MODEL}/revision/") and name in ("main", COMMIT):
            siblings = [{"rfilename": name, "size": len(content)} for name, content in FILES.items()]
            self.send(200, json.dumps({"id": REPO, "sha": COMMIT, "siblings": siblings}).encode())
        elif path.startswith(f"{MODEL}/revision/"):
            self.send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif path == f"{MODEL}/tree/{COMMIT}":
            tree = [{"type": "file", "path": name, "size": len(data), "oid": oid(data)} for name, data in FILES.items()]
            self.send(200, json.dumps(tree).encode())
        elif path.startswith(f"/{REPO}/resolve/{COMMIT}/"):
            self.send(200, FILES[name], {"ETag": f'"{oid(FILES[name])}"', "X-Repo-Commit": COMMIT})
        else:
            self.send(404, b"", {"X-Error-Code": "RepoNotFound"})

    def do_HEAD(self):
        self.do_GET()

    def send(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        """Log nothing."""


def oid(content):
    return hashlib.sha1(content).hexdigest()
