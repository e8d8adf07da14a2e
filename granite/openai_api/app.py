"""The routes of the OpenAI API: who may use them, how many at once, and what each answers.

Format: https://platform.openai.com/docs/api-reference. Only /health is open without the key.
"""

from __future__ import annotations

import functools
import hmac
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from granite.errors import EngineDied, GraniteError, InvalidInput
from granite.openai_api import body, calls, choices, failure
from granite.openai_api.calls import Call
from granite.openai_api.capacity import Capacity
from granite.openai_api.choices import Choice
from granite.openai_api.exchange import STALL_SECONDS, Exchange, encode
from granite.request import shape
from granite.request.inputs import Inputs
from granite.request.prompt import PromptTemplate
from granite.request.request import Checks
from granite.serving.running import Running

if TYPE_CHECKING:
    from granite.engine.engine import Engine

NO_KEY = "The API key is missing or wrong; send it as `Authorization: Bearer KEY`."
SHUTTING_DOWN = "The server is shutting down; send the request to another one, or again later."
TRACE_HEADERS = ("traceparent", "tracestate")


class OpenAIApp:
    """An ASGI application."""

    def __init__(
        self,
        engine: Engine,
        checks: Checks,
        template: PromptTemplate,
        defaults: Inputs,
        *,
        key: str | None,
        slots: int,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        """`defaults`: predict()'s. `slots`: sequences generated at once."""
        self._engine = engine
        self._checks = checks
        self._template = template
        self._defaults = defaults
        self._key = key
        self._capacity = Capacity(slots)
        self._stall_seconds = stall_seconds
        self._created = int(time.time())
        self.running = Running()
        self.draining = False
        routes = [
            Route("/health", self._health),
            Route("/metrics", self._metrics),
            Route("/v1/models", self._models),
            Route("/v1/chat/completions", self._route(calls.chat), methods=["POST"]),
            Route("/v1/completions", self._route(calls.completion), methods=["POST"]),
            Route("/v1/responses", self._route(calls.response), methods=["POST"]),
        ]
        self._paths = ", ".join(route.path for route in routes)
        handlers: dict[Any, Any] = dict.fromkeys((HTTPException, GraniteError, Exception), failure.handle)
        handlers[405] = _wrong_method
        self._app = Starlette(routes=routes, exception_handlers=handlers)
        self._app.router.redirect_slashes = False
        self._app.router.default = self._no_route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/health" and not self._has_key(dict(scope["headers"]).get(b"authorization", b"")):
            await failure.response(HTTPException(401, NO_KEY))(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _has_key(self, header: bytes) -> bool:
        scheme, _, key = header.partition(b" ")
        return self._key is None or (
            scheme.lower() == b"bearer" and hmac.compare_digest(key.strip(), self._key.encode())
        )

    async def _no_route(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = HTTPException(404, f"There is no such route; the routes are {self._paths}.")
        await failure.response(error)(scope, receive, send)

    async def _health(self, _: HTTPRequest) -> Response:
        self._check_draining()
        if self._engine.dead:
            raise EngineDied
        return Response()

    async def _metrics(self, _: HTTPRequest) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def _models(self, _: HTTPRequest) -> Response:
        card = {"object": "model", "created": self._created, "owned_by": "granite-cog"}
        card["max_model_len"] = self._engine.context_length
        model = self._engine.model
        parents = {model: None, **dict.fromkeys(self._engine.adapters, model)}
        cards = [{"id": name, "root": name, "parent": parent, **card} for name, parent in parents.items()]
        return JSONResponse({"object": "list", "data": cards})

    def _route(self, read: Callable[[dict[str, Any], Inputs], Call]) -> Callable[[HTTPRequest], Any]:
        async def route(request: HTTPRequest) -> Response:
            self._check_draining()
            with self._capacity.reading():
                fields = await body.read(request.receive)
            if fields is None:
                return Response()
            self._check_draining()
            adapter = self._adapter(fields.get("model"))
            call = read(fields, replace(self._defaults, adapter=adapter))
            if call.sequences > (slots := self._capacity.slots):
                raise InvalidInput(
                    f"The request asks for {call.sequences} answers, but the server generates at most {slots} at once; "
                    "lower n or send fewer prompts."
                )
            headers = {name: request.headers[name] for name in TRACE_HEADERS if name in request.headers}
            answer = functools.partial(self._answer, call, adapter or self._engine.model, headers or None)
            return Exchange(answer, self._capacity.take(call.sequences), self.running, self._stall_seconds)

        return route

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

    async def _answer(self, call: Call, model: str, trace_headers: Mapping[str, str] | None, client: Exchange) -> None:
        prepared, stream = list[Choice](), call.inputs.stream
        for verbatim in call.prompts:
            request = self._checks.request(call.inputs, verbatim=verbatim)
            request = replace(request, sampling=request.sampling | call.sampling)
            text = verbatim if isinstance(verbatim, list) else self._template.render(request.conversation)
            prepared += await choices.prepare(self._engine, request, text, call.n)
        request_id = uuid.uuid4().hex
        output = call.output(prepared, model, request_id)
        async with aclosing(choices.generate(self._engine, prepared, request_id, trace_headers)) as deltas:
            async for index, delta in deltas:
                if delta is None:
                    made = output.end(index)
                else:
                    prepared[index].answer.add(delta)
                    made = output.add(index, delta)
                if stream and made:
                    await client.events(b"".join(map(_event, made)))
        if stream:
            await client.end((_event(output.usage_chunk()) if call.include_usage else b"") + call.done)
        else:
            await client.whole(output.whole())


def _event(made: dict[str, Any]) -> bytes:
    """As a server-sent event; those of the Responses API have names."""
    name = f"event: {made['type']}\n".encode() if "type" in made else b""
    return b"%sdata: %s\n\n" % (name, encode(made))


async def _wrong_method(request: HTTPRequest, _: Exception) -> Response:
    path = request.url.path
    method = "POST" if path.startswith("/v1/") and path != "/v1/models" else "GET"
    return failure.response(HTTPException(405, f"{path} takes {method}, not {request.method}."))
