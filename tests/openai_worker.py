"""`python -m tests.openai_worker PORT`: an OpenAI server without a model, in a process that can be killed.

It answers chats with one text, whole or streamed, a moment after it was asked, to whoever has the key. What the router
relies on is in it: `/health` without a key, 401 without one elsewhere.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "a-key-of-the-tests"
WORDS = ("Granite", " is", " a", " rock", ".")
MOMENT = 0.05
"""Seconds from one word to the next."""


class Worker(BaseHTTPRequestHandler):
    """The few routes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send(200 if self.path == "/health" else 404, {})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            self.send(401, {"error": "Unauthorized"})
        elif asked.get("stream"):
            self.stream()
        else:
            time.sleep(MOMENT * len(WORDS))
            self.send(200, completion("chat.completion", {"message": {"role": "assistant", "content": "".join(WORDS)}}))

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for word in WORDS:
            time.sleep(MOMENT)
            self.chunk(f"data: {json.dumps(completion('chat.completion.chunk', {'delta': {'content': word}}))}\n\n")
        self.chunk("data: [DONE]\n\n")
        self.chunk("")

    def chunk(self, text: str) -> None:
        self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())

    def send(self, status: int, body: dict) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def completion(kind: str, choice: dict) -> dict:
    """One chat.completion, or one chunk of it."""
    return {
        "id": "chatcmpl-1",
        "object": kind,
        "created": 0,
        "model": "granite-demo",
        "choices": [{"index": 0, "finish_reason": "stop", **choice}],
    }


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Worker).serve_forever()
