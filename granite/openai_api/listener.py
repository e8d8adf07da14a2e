"""The port of the OpenAI API, taken before the model loads: a mistake in it is told within seconds."""

from __future__ import annotations

import socket

from granite.errors import SettingsError
from granite.settings import Settings


def bound(settings: Settings) -> socket.socket | None:
    """Bound but not listening, so that nobody gets through before it can answer; None where the API is off.

    Raises SettingsError.
    """
    if settings.openai_port is None:
        return None
    host, port = settings.openai_host, settings.openai_port
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise SettingsError(
            f"OPENAI_PORT={port} at OPENAI_HOST={host} cannot be taken: {(error.strerror or str(error)).lower()}."
        ) from None
    return listener
