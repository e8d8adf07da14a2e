"""What one HTTP request of the OpenAI API was found to ask; it goes through vLLM's server from our gate to our parser."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from granite.openai_api.places import Places
from granite.request.conversation import Conversation


@dataclass
class Asked:
    """`body`: the JSON object as it was sent. `places`: those that the request holds. `conversation`: known once it was
    rendered; None for /v1/completions.
    """

    body: dict[str, Any]
    places: Places
    conversation: Conversation | None = None


current: ContextVar[Asked] = ContextVar("asked")
"""Of the request that this code runs for. vLLM's parser is not told what its renderer was told."""
