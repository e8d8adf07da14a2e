"""The chunks that Cog sends."""

import json

import pytest

from granite.output import output
from granite.output.answer import Answer, Delta
from tests.inputs import request

CHAT = {"messages": [{"role": "user", "content": "Where?"}]}


def sent(**given):
    answer = Answer(prompt_tokens=7)
    made = output.of(request(**given), answer, "granite", "1234")
    chunks = []
    for delta in (Delta("Zür", 1), Delta("", 1), Delta("ich.", 1, "stop")):
        answer.add(delta)
        chunks += made.add(delta)
    return [*chunks, *made.end()]


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_is_answered_with_text(stream):
    assert sent(prompt="Where?", stream=stream) == ["Zür", "ich."]


def test_a_chat_is_answered_with_one_object_or_a_line_for_each():
    (chunk,) = sent(**CHAT)
    assert json.loads(chunk)["choices"][0]["message"] == {"role": "assistant", "content": "Zürich."}
    assert "Zürich" in chunk
    chunks = sent(**CHAT, stream=True)
    assert all(chunk.endswith("}\n") and chunk.count("\n") == 1 for chunk in chunks)
    *objects, last = map(json.loads, chunks)
    assert [each["choices"][0]["finish_reason"] for each in objects] == [None, None, "stop"]
    assert last["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
