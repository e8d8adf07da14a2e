"""What a body may be before anything reads it."""

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from granite.openai_api import body
from tests.fake_engine import FakeEngine
from tests.openai_app import Client, app_of, error_of

UNREADABLE = "The request body cannot be read as JSON: "
MALFORMED = f"{UNREADABLE}JSON is malformed: "
TOO_DEEP = "The request is nested deeper than 100 levels; flatten it."
TOO_LARGE = "The request contains an integer that does not fit 64 bits."


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"", 400, f"{UNREADABLE}Input data was truncated."),
        (b'{"prompt": "\xff"}', 400, f"{UNREADABLE}'utf-8' codec can't decode byte 0xff in position 0: invalid start byte."),
        ('{"prompt": "x"}'.encode("utf-16"), 400, f"{MALFORMED}invalid character (byte 0)."),
        (b'{"seed": NaN}', 400, f"{MALFORMED}invalid character (byte 9)."),
        (b'{"stop": ["\\ud800 and more"]}', 400, f"{MALFORMED}unexpected end of escaped utf-16 surrogate pair (byte 17)."),
        (b'{"n": ' + b"9" * 5000 + b"}", 400, f"{UNREADABLE}Integer value out of range - at `$[...]`."),
        (b"[1]", 400, "The request body must be a JSON object, got a list."),
        (b'{"n": {"a": [-9223372036854775809]}}', 400, TOO_LARGE),
        (b'{"n": 9223372036854775808}', 400, TOO_LARGE),
        (b'{"a": [' + b"0," * 500_000 + b"0]}", 400, "The request contains more than 500000 values; send fewer."),
        (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", 400, TOO_DEEP),
        (b"[" * 100_000, 400, TOO_DEEP),
        (b" " * (2**23 + 1), 413, "The request body is larger than 8388608 bytes; send less."),
    ],
)  # fmt: skip
async def test_a_bad_body_is_refused(content, status, sentence):
    """Before it takes a slot or reaches the engine."""
    engine = FakeEngine("x")
    response = await Client(app_of(engine)).http.post("/v1/completions", content=content)
    assert (error_of(response), engine.prompts) == ((status, sentence), [])


def request(receive):
    return Request({"type": "http", "method": "POST", "headers": []}, receive)


async def test_a_body_arrives_in_parts():
    """As deep as it may be, and large enough for a thread."""
    deep = b'{"a": ' + b"[" * 99 + b"]" * 99 + b', "b": "' + b"x" * body.SMALL + b'"}'
    parts = [{"type": "http.request", "body": deep[i : i + 9999], "more_body": True} for i in range(0, len(deep), 9999)]
    messages = iter([*parts, {"type": "http.request"}])

    async def receive():
        return next(messages)

    assert list(await body.Bodies().read(request(receive))) == ["a", "b"]


async def test_a_client_that_leaves_or_is_slow_is_not_waited_for():
    async def leave():
        return {"type": "http.disconnect"}

    for receive, status in ((leave, 400), (asyncio.Event().wait, 408)):
        with pytest.raises(HTTPException) as caught:
            await body.Bodies(seconds=0.001).read(request(receive))
        assert caught.value.status_code == status


async def test_arriving_bodies_share_their_bytes():
    """Not their number: a slow one takes what it has sent."""
    bodies, arrived, go = body.Bodies(bytes_at_once=10), asyncio.Event(), asyncio.Event()
    parts = iter(
        [{"type": "http.request", "body": b'{"a": 1', "more_body": True}, {"type": "http.request", "body": b"}"}]
    )

    async def slow():
        if arrived.is_set():
            await go.wait()
        arrived.set()
        return next(parts)

    async def whole():
        return {"type": "http.request", "body": b'{"b":2}'}

    first = asyncio.create_task(bodies.read(request(slow)))
    await arrived.wait()
    with pytest.raises(HTTPException) as caught:
        await bodies.read(request(whole))
    assert caught.value.status_code == 503
    go.set()
    assert await first == {"a": 1}
    assert await bodies.read(request(whole)) == {"b": 2}
