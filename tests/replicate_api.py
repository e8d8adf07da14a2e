"""A stand-in for Replicate's hosted API, in front of a real Cog server: one model, with the server's own schema."""

import queue
import socket
import threading
import time
import uuid

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from tests.predictions import DEADLINE, events

OWNER, NAME = "ibm-granite", "granite-3.3-8b-instruct"
MODEL = f"{OWNER}/{NAME}"
VERSION = "0123456789abcdef" * 4
THEN = "2025-01-01T00:00:00Z"


class Prediction(threading.Thread):
    """Runs one prediction. `body`: Replicate's object, as it is now."""

    def __init__(self, url, cog, inputs):
        super().__init__()
        self._cog, self._events, self.id = cog, queue.Queue(), uuid.uuid4().hex
        urls = {"get": f"{url}/{self.id}", "cancel": f"{url}/{self.id}/cancel", "stream": f"{url}/{self.id}/stream"}
        self.body = {"id": self.id, "model": MODEL, "version": VERSION, "created_at": THEN, "input": inputs}
        self.body |= {"status": "starting", "output": None, "error": None, "logs": "", "metrics": {}, "urls": urls}

    def run(self):
        completed, deadline = None, time.monotonic() + DEADLINE
        try:
            while not completed and time.monotonic() < deadline:  # Cog can answer 409 although slots are free
                for event, data, _ in events(self._cog, self.body["input"], id=self.id):
                    if event == "output":
                        self.body |= {"status": "processing", "output": [*(self.body["output"] or []), data["chunk"]]}
                        self._events.put(("output", data["chunk"]))
                    elif event == "completed":
                        completed = data
        finally:
            self.body |= completed or {"status": "failed", "error": "Cog takes no request."}
            if self.body["error"]:
                self._events.put(("error", self.body["error"]))
            self._events.put(("done", "{}"))

    def stream(self):
        """Server-sent events. Each has an id: Replicate's Python client drops those without."""
        event, number = "", 0
        while event != "done":
            event, text = self._events.get(timeout=DEADLINE)
            number += 1
            yield f"event: {event}\nid: {number}\n" + "".join(f"data: {line}\n" for line in text.split("\n")) + "\n"


class ReplicateAPI:
    """Serves at `url`. `inputs`: what the clients sent, prediction by prediction."""

    def __init__(self, cog_url):
        self._cog = httpx.Client(base_url=cog_url, timeout=DEADLINE)
        self._predictions, self.inputs = {}, []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        schema = self._cog.get("/openapi.json").json()
        version = {"id": VERSION, "created_at": THEN, "cog_version": "0.23.1", "openapi_schema": schema}
        model = {"url": self.url, "owner": OWNER, "name": NAME, "visibility": "public", "run_count": 0}
        routes = [
            Route(f"/v1/models/{MODEL}", lambda _: JSONResponse({**model, "latest_version": version})),
            Route(f"/v1/models/{MODEL}/versions/{VERSION}", lambda _: JSONResponse(version)),
            Route(f"/v1/models/{MODEL}/predictions", self._create, methods=["POST"]),
            Route("/v1/predictions", self._create, methods=["POST"]),
            Route("/v1/predictions/{id}", lambda request: JSONResponse(self._of(request).body)),
            Route("/v1/predictions/{id}/cancel", self._cancel, methods=["POST"]),
            Route("/v1/predictions/{id}/stream", self._stream),
        ]
        self._server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="warning"))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        for prediction in self._predictions.values():
            self._end(prediction)
        self._server.should_exit = True
        self._thread.join()
        self._cog.close()

    def _of(self, request):
        return self._predictions[request.path_params["id"]]

    def _end(self, prediction):
        self._cog.post(f"/predictions/{prediction.id}/cancel")
        prediction.join()

    async def _create(self, request):
        inputs = (await request.json())["input"]
        self.inputs.append(inputs)
        prediction = Prediction(f"{self.url}/v1/predictions", self._cog, inputs)
        self._predictions[prediction.id] = prediction
        prediction.start()
        if "wait" in request.headers.get("prefer", ""):
            await run_in_threadpool(prediction.join)
        return JSONResponse(prediction.body, 201)

    def _cancel(self, request):
        self._end(self._of(request))
        return JSONResponse(self._of(request).body)

    def _stream(self, request):
        return StreamingResponse(self._of(request).stream(), media_type="text/event-stream")
