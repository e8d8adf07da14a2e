"""Requests to both APIs of one server, and its metrics."""

import json
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx2

from granite.cli.server import Server
from granite.gpu_check.checks import Failure
from granite.serving.health import without_prefix

TIMEOUT = 600
"""Seconds for one answer."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Calls:
    """`slots`: predictions at once. `model`, `context`, `adapters`: as the OpenAI API lists them.

    `trained`: whether the model is the 8B one, not the demo and not random.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        key = server.variables.get("OPENAI_API_KEY", "").strip()
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        # Past any proxy that the environment names: the server is on this machine's loopback.
        self._client = httpx2.Client(trust_env=False, timeout=TIMEOUT, limits=httpx2.Limits())
        self.slots = int(server.variables["COG_MAX_CONCURRENCY"])
        model, *adapters = self._client.get(f"{server.openai_url}/v1/models", headers=self.headers).json()["data"]
        self.model: str = model["id"]
        self.engine_args: dict[str, Any] = json.loads(server.variables.get("ENGINE_ARGS", "{}"))
        self.trained = self.model != "granite-demo" and self.engine_args.get("load_format") != "dummy"
        self.context: int = model["max_model_len"]
        self.adapters: list[str] = [adapter["id"] for adapter in adapters]

    def predict(self, **inputs: Any) -> dict[str, Any]:
        """The finished prediction of the Cog API."""
        deadline = time.monotonic() + TIMEOUT
        # Requests in one instant can get a 409 with slots free: Cog tries the lock on its slots only once.
        while (response := self._client.post(f"{self.server.url}/predictions", json={"input": inputs})).is_error:
            if response.status_code != 409 or time.monotonic() > deadline:
                raise Failure(f"The Cog API answered {response.status_code}: {response.text}")
        prediction: dict[str, Any] = response.json()
        return prediction

    def text(self, **inputs: Any) -> str:
        """Raises Failure unless the prediction succeeds."""
        prediction = self.predict(**inputs)
        if prediction["status"] != "succeeded":
            raise Failure(f"A request failed: {without_prefix(prediction.get('error') or prediction['status'])}")
        return "".join(prediction["output"])

    def choice(self, **inputs: Any) -> dict[str, Any]:
        """The answer to `messages`. Raises Failure."""
        choice: dict[str, Any] = json.loads(self.text(**inputs))["choices"][0]
        return choice

    def refusal(self, **inputs: Any) -> str | None:
        """The Cog API's sentence, or None if it answers."""
        prediction = self.predict(**inputs)
        return None if prediction["status"] == "succeeded" else without_prefix(prediction["error"])

    def openai_refusal(self, path: str, **body: Any) -> str | None:
        """The OpenAI API's sentence, or None if it answers."""
        url = f"{self.server.openai_url}/v1/{path}"
        response = self._client.post(url, json={"model": self.model, **body}, headers=self.headers)
        return response.json()["error"]["message"] if response.is_error else None

    def metric(self, name: str) -> float:
        """Summed over its labels."""
        text = self._client.get(f"{self.server.openai_url}/metrics", headers=self.headers).text
        return sum(map(float, re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)))


def at_once(send: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """What `send` returns for each of them, all sent beside each other."""
    threads = ThreadPoolExecutor(len(items))
    try:
        return list(threads.map(send, items))
    finally:
        # When interrupted: the answers end with the server, which is stopped next.
        threads.shutdown(wait=False, cancel_futures=True)
