"""vLLM's OpenAI server application on a running engine, at a port of its own. Imports vLLM.

Written against vLLM 0.32: `build_app` makes the application with all its routes and error handlers, the serving objects
behind the offered ones are made here with our renderer and parser. tests/test_openai_vllm.py fails where they move.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from vllm.entrypoints.launchers.app import build_app
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.entrypoints.openai.chat_completion.protocol import ChatMessage
from vllm.entrypoints.openai.chat_completion.serving import OpenAIServingChat
from vllm.entrypoints.openai.completion.serving import OpenAIServingCompletion
from vllm.entrypoints.openai.models.protocol import BaseModelPath
from vllm.entrypoints.openai.models.serving import OpenAIServingModels
from vllm.entrypoints.openai.responses.serving import OpenAIServingResponses
from vllm.utils.argparse_utils import FlexibleArgumentParser

from granite.engine.engine import Engine
from granite.openai_api.gate import Gate
from granite.openai_api.parser import GraniteParser
from granite.openai_api.places import Capacity
from granite.openai_api.renderer import GraniteRenderer
from granite.request.inputs import Inputs
from granite.request.prompt import PromptFormat
from granite.serving.running import Running
from granite.settings import Settings


class OpenAIServer:
    """Serves until it is stopped, on the event loop of the engine."""

    def __init__(self, gate: Gate, server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
        self._gate = gate
        self._server = server
        self._serving = serving

    @classmethod
    async def start(
        cls, listener: socket.socket, engine: Engine, settings: Settings, prompt_format: PromptFormat, defaults: Inputs
    ) -> OpenAIServer:
        """`listener`: bound. `defaults`: of predict()'s inputs. Returns when it answers."""
        arguments = make_arg_parser(FlexibleArgumentParser()).parse_args(["--disable-fastapi-docs"])  # type: ignore[no-untyped-call]
        app = build_app(arguments, ("generate",), engine.llm.model_config)
        renderer = GraniteRenderer(engine, prompt_format, defaults, settings.trust_chat_template)
        await _serve(app.state, engine, renderer)
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
        gate = Gate(app, key, Capacity(settings.openai_places), dead=lambda: engine.dead)
        # Its log is vLLM's; the engine and its clients are told of the end by us, not by a signal.
        # h11 bounds a request's headers, which the faster parser does not.
        server = _Server(
            uvicorn.Config(
                gate,
                http=_Protocol,
                ws="none",
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_keep_alive=30,
            )
        )
        app.state.server = server
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.wait({serving}, timeout=0.01)
            if serving.done():
                await serving
        host, port = listener.getsockname()[:2]
        structlog.get_logger().info("The OpenAI API answers", host=host, port=port, key="wanted" if key else "none")
        return cls(gate, server, serving)

    @property
    def running(self) -> Running:
        return self._gate.running

    def drain(self) -> None:
        """Take no new requests."""
        self._gate.draining = True

    async def stop(self) -> None:
        """Close the port and every connection."""
        self._server.should_exit = self._server.force_exit = True
        await self._serving


class _Protocol(H11Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """A connection that sends nothing is closed as one that has been answered: uvicorn would keep it for ever."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None: this is not the main thread, and SIGTERM is Cog's."""
        yield


async def _serve(state: Any, engine: Engine, renderer: GraniteRenderer) -> None:
    """The objects that vLLM's routes look for in their application's state."""
    llm = engine.llm
    # Its own path would tell a caller of the server's directories.
    models = OpenAIServingModels(llm, [BaseModelPath(name=engine.model, model_path=engine.model)])
    models.lora_requests.update(engine.loras)
    common: dict[str, Any] = {"request_logger": None, "chat_template": None, "chat_template_content_format": "auto"}
    chat = _Chat(llm, models, "assistant", online_renderer=renderer, enable_auto_tools=True, **common)
    responses = OpenAIServingResponses(llm, models, renderer, enable_auto_tools=True, **common)
    chat.parser_cls = responses.parser = GraniteParser
    state.engine_client = llm
    state.openai_serving_models = models
    state.openai_serving_chat = chat
    state.openai_serving_responses = responses
    state.openai_serving_completion = OpenAIServingCompletion(
        llm, models, online_renderer=renderer, request_logger=None
    )


class _Chat(OpenAIServingChat):
    def _finalize_response_message(self, message: ChatMessage, *, parser: Any) -> ChatMessage:
        """vLLM's place for what its own message does not have."""
        more: dict[str, Any] = {"reasoning_content": message.reasoning} if message.reasoning else {}
        if message.tool_calls and not message.content:
            more["content"] = None
        return ChatMessage.model_validate(message.model_dump() | more | parser.lists)
