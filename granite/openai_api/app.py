"""The routes of the OpenAI API: who may use them, how many at once, and what each answers.

Format: https://platform.openai.com/docs/api-reference. Only /health is open without the key.
"""

import functools
import hmac
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from granite.errors import EngineDied, InvalidInput
from granite.openai_api import failure, fields, response_input
from granite.openai_api.body import Bodies
from granite.openai_api.exchange import Exchange
from granite.openai_api.fields import Call
from granite.openai_api.generation import Generator
from granite.request import shape
from granite.request.inputs import Inputs
from granite.serving import metrics
from granite.serving.running import Running

NO_KEY = "The API key is missing or wrong; send it as `Authorization: Bearer KEY`."
SHUTTING_DOWN = "The server is shutting down; send the request to another one, or again later."
TRACE_HEADERS = ("traceparent", "tracestate")


@dataclass
class Slots:
    """Its own keep either API from starving the other; vLLM's own limits count the requests of both in one sum."""

    size: int
    in_use: int = 0

    @contextmanager
    def take(self, count: int) -> Iterator[None]:
        """Raises HTTPException."""
        if self.in_use + count > self.size:
            raise HTTPException(503, failure.FULL)
        self.in_use += count
        try:
            yield
        finally:
            self.in_use -= count


@dataclass(eq=False)
class OpenAIApp:
    """An ASGI application. `defaults`: predict()'s. `slots`: for the sequences that it generates at once."""

    generator: Generator
    defaults: Inputs
    key: str | None
    slots: Slots
    stall_seconds: float = 60
    """A client that takes nothing for so long loses its slots: it would hold them for ever."""

    def __post_init__(self) -> None:
        self.running = Running()
        self.draining = False
        self._engine = self.generator.engine
        self._bodies = Bodies()
        metrics.OPENAI_SLOTS.set(self.slots.size)
        metrics.OPENAI_SLOTS_IN_USE.set_function(lambda: self.slots.in_use)
        self._routes: dict[str, tuple[str, Callable[[HTTPRequest], Awaitable[Response]]]] = {
            "/health": ("GET", self._health),
            "/metrics": ("GET", self._metrics),
            "/v1/models": ("GET", self._models),
            "/v1/chat/completions": ("POST", functools.partial(self._generate, fields.chat)),
            "/v1/completions": ("POST", functools.partial(self._generate, fields.completion)),
            "/v1/responses": ("POST", functools.partial(self._generate, response_input.response)),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._route(HTTPRequest(scope, receive))
            await response(scope, receive, send)
        except Exception as error:
            # Not left to Starlette, which raises an unexpected one again: uvicorn would log its text.
            await failure.response(error)(scope, receive, send)

    async def _route(self, request: HTTPRequest) -> Response:
        path = request.url.path
        if path != "/health" and not self._has_key(request.headers.get("authorization", "")):
            raise HTTPException(401, NO_KEY)
        if path not in self._routes:
            raise HTTPException(404, f"There is no such route; the routes are {', '.join(self._routes)}.")
        method, answer = self._routes[path]
        if {"HEAD": "GET"}.get(request.method, request.method) != method:
            raise HTTPException(405, f"{path} takes {method}, not {request.method}.")
        return await answer(request)

    def _has_key(self, header: str) -> bool:
        scheme, _, key = header.partition(" ")
        return self.key is None or (
            scheme.lower() == "bearer" and hmac.compare_digest(key.strip().encode("latin-1"), self.key.encode())
        )

    async def _health(self, _: HTTPRequest) -> Response:
        self._check_draining()
        if self._engine.dead:
            raise EngineDied
        return Response()

    async def _metrics(self, _: HTTPRequest) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def _models(self, _: HTTPRequest) -> Response:
        card = {"object": "model", "created": int(time.time()), "owned_by": "granite-cog"}
        card["max_model_len"] = self._engine.context_length
        parents = {self._engine.model: None, **dict.fromkeys(self._engine.adapters, self._engine.model)}
        cards = [{"id": name, "root": name, "parent": parent, **card} for name, parent in parents.items()]
        return JSONResponse({"object": "list", "data": cards})

    async def _generate(self, read: Callable[[dict[str, Any], Inputs], Call], request: HTTPRequest) -> Response:
        self._check_draining()
        given = await self._bodies.read(request)
        self._check_draining()
        call = read(given, replace(self.defaults, adapter=self._adapter(given.get("model"))))
        if call.sequences > self.slots.size:
            raise InvalidInput(
                f"The request asks for {call.sequences} answers, but the server generates at most {self.slots.size} "
                "at once; lower n or send fewer prompts."
            )
        trace_headers = {name: request.headers[name] for name in TRACE_HEADERS if name in request.headers}
        answer = functools.partial(self.generator.answer, call, trace_headers or None)
        return Exchange(answer, self.slots.take(call.sequences), self.running, self.stall_seconds)

    def _check_draining(self) -> None:
        if self.draining:
            raise HTTPException(503, SHUTTING_DOWN)

    def _adapter(self, model: Any) -> str | None:
        """The adapter that `model` names; None: the model alone. Raises HTTPException."""
        if model is None or model == self._engine.model:
            return None
        if isinstance(model, str) and model in self._engine.adapters:
            return model
        names = ", ".join(f"`{name}`" for name in (self._engine.model, *self._engine.adapters))
        raise HTTPException(404, f"There is no model {shape.code(model)}; `model` can be {names}.")
