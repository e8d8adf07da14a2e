"""One prediction over Cog's HTTP API, as a stream of server-sent events.

The events are `start`, `log`, `metric`, `output` (`{"chunk": …}`) and `completed`, whose data is the prediction without
its output.
"""

from collections.abc import Generator
from typing import Any

import httpx2

from granite.errors import OperatorError


def events(url: str, inputs: dict[str, Any]) -> Generator[tuple[str, Any]]:
    """Yield each event's name and data as it arrives, `completed` last. Closing the iterator cancels the prediction.

    Raises OperatorError if the server refuses the request or drops the connection.
    """
    try:
        # Past any proxy that the environment names: the server is on this machine's loopback.
        with (
            httpx2.Client(trust_env=False, timeout=None) as client,
            client.sse(f"{url}/predictions", method="POST", json={"input": inputs}, max_event_size=None) as source,
        ):
            if source.response.is_error:
                text = source.response.read().decode(errors="replace").strip()
                raise OperatorError(f"The server answered {source.response.status_code}: {text}")
            for event in source:
                yield event.event, event.json()
                if event.event == "completed":
                    return
    except httpx2.TransportError:
        pass
    raise OperatorError("The server dropped the connection.")
