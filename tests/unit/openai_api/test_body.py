"""What a body may be before anything reads it."""

import asyncio

import pytest
from starlette.exceptions import HTTPException

from granite.openai_api import body
from tests.fake_engine import FakeEngine
from tests.openai_app import Client, app_of, error_of


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"{", 400, "The request body is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."),
        (b"", 400, "The request body is not valid JSON: Expecting value: line 1 column 1 (char 0)."),
        (b'{"prompt": "\xff"}', 400, "The request body is not UTF-8; encode it as UTF-8."),
        ('{"prompt": "x"}'.encode("utf-16"), 400, "The request body is not UTF-8; encode it as UTF-8."),
        (b"[1]", 400, "The request body must be a JSON object, got a list."),
        (b'{"top_k": 1e30}', 400, "`top_k` contains a number that does not fit 64 bits."),
        (b'{"n": {"a": [-9223372036854775809]}}', 400, "`n` contains a number that does not fit 64 bits."),
        (b'{"n": ' + b"9" * 400 + b"}", 400, "`n` contains a number that does not fit 64 bits."),
        (b'{"n": ' + b"9" * 5000 + b"}", 400, "The request body contains an integer that is too large."),
        (b'{"seed": NaN}', 400, "`seed` contains a number that does not fit 64 bits."),
        (b'{"' + b"x" * 50 + b'": NaN}', 400, "a text of 50 characters contains a number that does not fit 64 bits."),
        (b'{"stop": ["\\ud800"]}', 400, "`stop` contains half of a surrogate pair; send whole characters."),
        (b'{"\\ud800": 1}', 400, "`?` contains half of a surrogate pair; send whole characters."),
        (b'{"a": [' + b"0," * 500_000 + b"0]}", 400, "The request body contains more than 500000 values; send fewer."),
        (b'{"a": ' + b"[" * 101 + b"]" * 101 + b"}", 400, "The request body is nested deeper than 100 levels; flatten it."),
        (b"[" * 100_000, 400, "The request body is nested deeper than 100 levels; flatten it."),
        (b" " * (2**23 + 1), 413, "The request body is larger than 8388608 bytes; send less."),
    ],
)  # fmt: skip
async def test_a_bad_body_is_refused(content, status, sentence):
    """Before it takes a slot or reaches the engine."""
    engine = FakeEngine("x")
    response = await Client(app_of(engine)).http.post("/v1/completions", content=content)
    assert (error_of(response), engine.prompts) == ((status, sentence), [])


async def test_a_body_arrives_in_pieces():
    """Up to the limits: the deepest, and one with a byte order mark."""
    deep = b'\xef\xbb\xbf{"a": ' + b"[" * 100 + b"]" * 100 + b', "b": "' + b"x" * body.SMALL + b'"}'
    pieces = [
        {"type": "http.request", "body": deep[i : i + 9999], "more_body": True} for i in range(0, len(deep), 9999)
    ]
    messages = iter([*pieces, {"type": "http.request"}])

    async def receive():
        return next(messages)

    assert list(await body.read(receive)) == ["a", "b"]


async def test_a_client_that_leaves_or_is_slow_is_not_waited_for():
    async def leave():
        return {"type": "http.disconnect"}

    assert await body.read(leave) is None
    with pytest.raises(HTTPException) as caught:
        await body.read(asyncio.Event().wait, seconds=0.001)
    assert (caught.value.status_code, caught.value.detail) == (
        408,
        "The request body did not arrive within 0.001 seconds; send it again.",
    )
