"""One prediction over HTTP, from a server that sends fixed bytes."""

import contextlib
import socket
import threading

import pytest

from granite.cli import client
from granite.errors import OperatorError

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
OUTPUT = 'event: output\ndata: {"chunk": "é\u2028"}\n\n'.encode()
COMPLETED = b'event: completed\ndata: {"status": "succeeded"}\n\n'
DROPPED = "The server dropped the connection."


@contextlib.contextmanager
def answering(response):
    """The URL of a server that reads one request and sends this."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            with listener.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(response)
                connection.shutdown(socket.SHUT_WR)
                # Closing with unread bytes would reset the connection under the response.
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_each_event_is_its_name_and_data():
    with answering(STREAM + OUTPUT + COMPLETED) as url:
        events = [("output", {"chunk": "é\u2028"}), ("completed", {"status": "succeeded"})]
        assert list(client.events(url, {"prompt": "Hi"})) == events


@pytest.mark.parametrize(
    ("response", "sentence"),
    [
        (b"HTTP/1.1 503 Unavailable\r\nContent-Length: 5\r\n\r\nBusy\n", "The server answered 503: Busy"),
        (STREAM.replace(b"\n\r", b"\nContent-Length: 999\r\n\r") + OUTPUT, DROPPED),
        (STREAM + OUTPUT, DROPPED),
    ],
)
def test_a_refusal_or_a_dropped_connection_is_one_sentence(response, sentence):
    with answering(response) as url, pytest.raises(OperatorError) as caught:
        list(client.events(url, {"prompt": "Hi"}))
    assert str(caught.value) == sentence
