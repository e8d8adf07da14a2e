"""One prediction over Cog's HTTP API, as a stream of server-sent events.

The events are `start`, `log`, `metric`, `output` (`{"chunk": …}`) and `completed`, whose data is the prediction without
its output.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import httpx2

from granite.errors import GraniteError


class Refused(GraniteError):
    """The server did not accept the prediction, or did not finish it."""


def events(url: str, inputs: dict[str, Any]) -> Generator[tuple[str, dict[str, Any]]]:
    """Yield each event's name and data as it arrives. Closing the iterator drops the connection, which cancels.

    Raises Refused.
    """
    try:
        # Past any proxy that the environment names: the server is on this machine's loopback.
        with (
            httpx2.Client(trust_env=False, timeout=None) as client,
            client.sse(f"{url}/predictions", method="POST", json={"input": inputs}, max_event_size=None) as source,
        ):
            if source.response.is_error:
                source.response.read()
                raise Refused(_sentence(source.response))
            for event in source:
                data: Any = event.json()
                yield event.event, data
    except httpx2.TransportError:
        raise Refused("The server dropped the connection.") from None


def _sentence(response: httpx2.Response) -> str:
    try:
        detail = response.json()["detail"]
        return " ".join(f"The server refused `{fault['loc'][-1]}`: {fault['msg']}." for fault in detail)
    except (ValueError, LookupError, TypeError):
        return f"The server answered {response.status_code}: {response.text.strip()}"
