"""The second door: vLLM's OpenAI server on the engine that answers Cog's predictions, with Granite's own rules."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from granite.engine.engine import Engine
    from granite.openai_api.server import OpenAIServer
    from granite.request.inputs import Inputs
    from granite.request.prompt import PromptFormat
    from granite.settings import Settings


async def opened(
    listener: socket.socket | None, engine: Engine, settings: Settings, prompt_format: PromptFormat, defaults: Inputs
) -> OpenAIServer | None:
    """`listener`: of the API's port, None where it is off: vLLM's server is then not imported, either."""
    if listener is None:
        return None
    from granite.openai_api.server import OpenAIServer

    try:
        return await OpenAIServer.start(listener, engine, settings, prompt_format, defaults)
    except BaseException:
        # A setup that failed must not keep the GPU.
        engine.stop()
        raise
