"""One prediction over Cog's HTTP API, as a stream of server-sent events. Standard library only.

The events are `start`, `log`, `metric`, `output` (`{"chunk": …}`) and `completed`, whose data is the prediction without
its output. Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Generator, Iterable, Iterator
from http.client import HTTPException
from typing import Any

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Past any proxy that the environment names: the server is on this machine's loopback."""


class Refused(Exception):
    """The server took no prediction, or did not finish it; a sentence says why."""


def events(url: str, inputs: dict[str, Any]) -> Generator[tuple[str, dict[str, Any]]]:
    """Each event's name and data, as it arrives. Closing the iterator drops the connection, which cancels.

    Raises Refused.
    """
    request = urllib.request.Request(
        f"{url}/predictions",
        data=json.dumps({"input": inputs}).encode(),
        headers={"Content-Type": "application/json", "Accept": "text/event-stream"},
    )
    try:
        with DIRECT.open(request) as response:
            yield from _parse(line.decode().rstrip("\r\n") for line in response)
    except urllib.error.HTTPError as error:
        raise Refused(_sentence(error)) from None
    except (OSError, HTTPException):
        raise Refused("The server dropped the connection.") from None


def _parse(lines: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    name, data = "", ""
    for line in lines:
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            data += line[5:].strip()
        elif not line and name:
            yield name, json.loads(data)
            name, data = "", ""


def _sentence(error: urllib.error.HTTPError) -> str:
    try:
        body = json.load(error)
    except ValueError:
        return f"The server answered {error.code} {error.reason}."
    if error.code == 422 and isinstance(body.get("detail"), list):
        return " ".join(f"{fault['loc'][-1]}: {fault['msg']}." for fault in body["detail"])
    return f"The server answered {error.code}: {body.get('error') or body.get('detail')}"
