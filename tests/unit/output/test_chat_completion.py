"""A chat's answers as OpenAI's objects, checked by the types of the `openai` package."""

import pytest
from openai.types import chat

from granite.output.answer import Answer, Delta
from granite.output.chat_completion import ChatCompletion
from tests.inputs import request

CHAT = [{"role": "user", "content": "Why?"}]
TOOLS = [{"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}]
DOCUMENTS = [{"doc_id": "a", "text": "It is hard."}]


def logprob(token):
    return {"token": token, "logprob": -1.0, "bytes": [*token.encode()], "top_logprobs": []}


def answered(*texts, finish_reason="stop", logprobs=False, **given):
    """The chunks and the whole object of one answer for each list of texts, a token each, that arrive in turns."""
    answers = [Answer(prompt_tokens=7) for _ in texts]
    completion = ChatCompletion(request(messages=CHAT, **given), answers, "granite", "1234")
    chunks = []
    for position in range(max(map(len, texts))):
        for index, answer in enumerate(answers):
            if position < len(texts[index]):
                text = texts[index][position]
                last = finish_reason if position == len(texts[index]) - 1 else None
                delta = Delta(text.replace("<|end_of_text|>", ""), 1, last, (logprob(text),) if logprobs else ())
                answer.add(delta)
                chunks += completion.add(index, delta)
                chunks += completion.end(index) if last else []
    chunks, whole = [*chunks, completion.usage_chunk()], completion.whole()
    chat.ChatCompletion.model_validate(whole, strict=True)
    for chunk in chunks:
        chat.ChatCompletionChunk.model_validate(chunk, strict=True)
        assert chunk.pop("created") == whole["created"] > 1_700_000_000
    del whole["created"]
    return chunks, whole


def deltas(chunks):
    return [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]


def test_chunks_and_whole():
    """The role first, the finish reason last, then the usage; `usage` counts the prompt once."""
    chunks, whole = answered(["Hel", "lo."], ["No"], finish_reason="length")
    head = {"id": "chatcmpl-1234", "object": "chat.completion.chunk", "model": "granite"}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    choices = [
        {"index": index, "delta": delta, "finish_reason": reason, "logprobs": None}
        for index, delta, reason in (
            (0, {"role": "assistant", "content": "Hel"}, None),
            (1, {"role": "assistant", "content": "No"}, None),
            (1, {}, "length"),
            (0, {"content": "lo."}, None),
            (0, {}, "length"),
        )
    ]
    assert chunks == [*(head | {"choices": [choice]} for choice in choices), head | {"choices": [], "usage": usage}]
    messages = [{"role": "assistant", "content": text} for text in ("Hello.", "No")]
    choices = [
        {"index": index, "message": message, "finish_reason": "length", "logprobs": None}
        for index, message in enumerate(messages)
    ]
    assert whole == head | {"object": "chat.completion", "choices": choices, "usage": usage}


THOUGHT = ["<thi", "nk>", "Hm", ".", "</think>", "<response>Yes", ".</resp", "onse>", "<|end_of_text|>"]


def test_reasoning():
    """By vLLM's name and by the one that langchain-replicate reads."""
    chunks, whole = answered(THOUGHT, thinking=True)
    reasoning = {"reasoning_content": "Hm.", "reasoning": "Hm."}
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": "Yes.", **reasoning}
    assert deltas(chunks) == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "Hm", "reasoning": "Hm"},
        {"reasoning_content": ".", "reasoning": "."},
        {"content": "Yes"},
        {"content": "."},
        {},
    ]


def test_log_probabilities_go_with_the_next_chunk():
    """Each token's once, also if its text is held back, but for the token that ends the answer."""
    chunks, whole = answered(THOUGHT, thinking=True, logprobs=True)
    expected = [logprob(text) for text in THOUGHT[:-1]]
    assert whole["choices"][0]["logprobs"] == {"content": expected}
    streamed = [chunk["choices"][0]["logprobs"] for chunk in chunks[:-1]]
    assert [entry for each in streamed if each for entry in each["content"]] == expected
    assert streamed[1] == {"content": expected[1:3]}


def test_citations_are_part_of_the_message():
    """In a stream they come at the end."""
    mark = '<|start_of_cite|>{"document_id": "a"}<|end_of_cite|>'
    text = f'Hard.{mark}\n{{"id": "citation"}}\na: "It"\n{{"id": "hallucination"}}\n1. Risk low: Hard.'
    chunks, whole = answered(text, documents=DOCUMENTS, citations=True)
    message = whole["choices"][0]["message"]
    assert list(message) == ["role", "content", "citations", "hallucinations"]
    assert (message["content"], message["citations"][0]["doc_id"]) == ("Hard.", "a")
    assert deltas(chunks)[-2:] == [{name: message[name] for name in ("citations", "hallucinations")}, {}]


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
    chunks, whole = answered(text, tools=TOOLS, finish_reason=finish_reason)
    message = whole["choices"][0]["message"]
    assert (message["content"], whole["choices"][0]["finish_reason"]) == (content, reason)
    assert chunks[-2]["choices"][0]["finish_reason"] == reason
    calls = message.get("tool_calls", [])
    assert [call["function"] for call in calls] == [{"name": "now", "arguments": each} for each in arguments]
    parts = [call for delta in deltas(chunks) for call in delta.get("tool_calls", [])]
    assert [part["id"] for part in parts if "id" in part] == [call["id"] for call in calls]
    assert ["".join(part["function"]["arguments"] for part in parts)] == (arguments or [""])
