"""A chat's answers as OpenAI's objects, checked by the types of the `openai` package."""

import itertools

import pytest
from openai.types import chat

from granite.output.answer import Answer, Delta
from granite.output.chat_completion import ChatCompletion
from tests.inputs import request

TOOLS = [{"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}]
THOUGHT = ["<thi", "nk>", "Hm", ".", "</think>", "<response>Yes", ".</resp", "onse>", "<|end_of_text|>"]


def logprob(token):
    return {"token": token, "logprob": -1.0, "bytes": [*token.encode()], "top_logprobs": []}


def answered(*texts, finish_reason="stop", logprobs=False, **given):
    """The choices of the chunks, those of the whole object, and the usage; the texts, a token each, arrive in turns."""
    answers = [Answer(prompt_tokens=7) for _ in texts]
    completion = ChatCompletion(
        request(messages=[{"role": "user", "content": "Why?"}], **given), answers, "granite", "1"
    )
    chunks = []
    for position, index in itertools.product(range(max(map(len, texts))), range(len(texts))):
        if position < len(texts[index]):
            text, ended = texts[index][position], position == len(texts[index]) - 1
            tokens = (logprob(text),) if logprobs else ()
            delta = Delta(text.replace("<|end_of_text|>", ""), 1, finish_reason if ended else None, tokens)
            answers[index].add(delta)
            chunks += completion.add(index, delta)
            chunks += completion.end(index) if ended else []
    whole = completion.whole()
    chat.ChatCompletion.model_validate(whole, strict=True)
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": whole["created"], "model": "granite"}
    for chunk in chunks:
        chat.ChatCompletionChunk.model_validate(chunk, strict=True)
        assert chunk == head | {"choices": chunk["choices"]}
    assert completion.usage_chunk() == head | {"choices": [], "usage": whole["usage"]}
    assert whole == head | {"object": "chat.completion", "choices": whole["choices"], "usage": whole["usage"]}
    return [choice for chunk in chunks for choice in chunk["choices"]], whole["choices"], [*whole["usage"].values()]


def test_chunks_and_whole():
    """The role first, the finish reason last; the usage counts the prompt once."""
    chunks, whole, usage = answered(["Hel", "lo."], ["No"], finish_reason="length")
    assert [list(chunk.values()) for chunk in chunks] == [
        [0, {"role": "assistant", "content": "Hel"}, None, None],
        [1, {"role": "assistant", "content": "No"}, None, None],
        [1, {}, "length", None],
        [0, {"content": "lo."}, None, None],
        [0, {}, "length", None],
    ]
    assert [list(choice.values()) for choice in whole] == [
        [index, {"role": "assistant", "content": text}, "length", None] for index, text in enumerate(("Hello.", "No"))
    ]
    assert usage == [7, 3, 10]


def test_reasoning_and_log_probabilities():
    """Each token's once, with the next chunk if its text is held back, but for the token that ends the answer."""
    chunks, (whole,), _ = answered(THOUGHT, thinking=True, logprobs=True)
    assert whole["message"] == {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm.", "reasoning": "Hm."}
    assert [(chunk["delta"], [entry["token"] for entry in (chunk["logprobs"] or {}).get("content", [])]) for chunk in chunks] == [
        ({"role": "assistant", "content": ""}, ["<thi"]),
        ({"reasoning_content": "Hm", "reasoning": "Hm"}, ["nk>", "Hm"]),
        ({"reasoning_content": ".", "reasoning": "."}, ["."]),
        ({"content": "Yes"}, ["</think>", "<response>Yes"]),
        ({"content": "."}, [".</resp"]),
        ({}, ["onse>"]),
    ]  # fmt: skip
    assert whole["logprobs"] == {"content": [logprob(text) for text in THOUGHT[:-1]]}


def test_citations_are_part_of_the_message():
    """In a stream they come at the end."""
    mark, heads = (
        '<|start_of_cite|>{"document_id": "a"}<|end_of_cite|>',
        ('{"id": "citation"}', '{"id": "hallucination"}'),
    )
    text = f'Hard.{mark}\n{heads[0]}\na: "It"\n{heads[1]}\n1. Risk low: Hard.'
    chunks, (whole,), _ = answered(text, documents=[{"doc_id": "a", "text": "It is hard."}], citations=True)
    role, content, *lists = whole["message"].items()
    assert (role, content) == (("role", "assistant"), ("content", "Hard."))
    assert [(name, len(entries)) for name, entries in lists] == [("citations", 1), ("hallucinations", 1)]
    assert [chunk["delta"] for chunk in chunks[-2:]] == [dict(lists), {}]


@pytest.mark.parametrize(
    ("text", "finish_reason", "content", "reason", "arguments"),
    [
        ('<|tool_call|>[{"name": "now", "arguments": {}}]', "stop", None, "tool_calls", ["{}"]),
        ('A <|tool_call|>[{"name": "now", "arguments": {"a', "length", "A ", "length", ['{"a']),
        ("No call.", "repetition", "No call.", "stop", []),
    ],
)
def test_tool_calls(text, finish_reason, content, reason, arguments):
    """A call that max_tokens cut is not one to make."""
    chunks, (whole,), _ = answered(text, tools=TOOLS, finish_reason=finish_reason)
    assert (whole["message"]["content"], whole["finish_reason"]) == (content, reason)
    assert chunks[-1]["finish_reason"] == reason
    calls = whole["message"].get("tool_calls", [])
    assert [call["function"] for call in calls] == [{"name": "now", "arguments": each} for each in arguments]
    parts = [call for chunk in chunks for call in chunk["delta"].get("tool_calls", [])]
    assert [part["id"] for part in parts if "id" in part] == [call["id"] for call in calls]
    assert "".join(part["function"]["arguments"] for part in parts) == "".join(arguments)
