"""A chat's answer as OpenAI's objects, checked by the types of the `openai` package."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.test_grounding import ANSWER, CITATIONS, CITED, DOCUMENTS

from granite.output.answer import Answer, Delta
from granite.output.chat_completion import Completion, CompletionChunks
from granite.output.grounding import Grounding
from granite.output.parser import Verbatim
from granite.output.scrubbed import Scrubbed
from granite.output.thinking import Thoughts
from granite.output.tool_calls import ToolCalls


def logprob(token):
    return {"token": token, "logprob": -1.0, "bytes": [*token.encode()], "top_logprobs": []}


def answered(form, parser, texts, finish_reason="stop", logprobs=False):
    """What Cog sends of an answer whose texts, a token each, the engine made."""
    answer = Answer(prompt_tokens=7)
    output = form(parser, answer, "granite", "1234")
    chunks = []
    for text in texts:
        delta = Delta(text, 1, None, (logprob(text),) if logprobs else ())
        answer.add(delta)
        chunks += output.add(delta)
    answer.finish_reason = finish_reason
    return [*chunks, *output.end()]


def completion(parser, texts, **given):
    """The one object, its time and its calls' ids put aside."""
    (chunk,) = answered(Completion, parser, texts, **given)
    ChatCompletion.model_validate_json(chunk, strict=True)
    return json.loads(chunk)


def chunks(parser, texts, **given):
    """The objects of a stream, each on a line of its own."""
    sent = answered(CompletionChunks, parser, texts, **given)
    assert all(chunk.count("\n") == 1 and chunk.endswith("\n") for chunk in sent)
    for chunk in sent:
        ChatCompletionChunk.model_validate_json(chunk, strict=True)
    return [json.loads(chunk) for chunk in sent]


def test_a_chat_completion():
    """All fields, whole."""
    made = completion(Verbatim(), ["Hel", "lo."])
    assert made.pop("created") > 1_700_000_000
    assert made == {
        "object": "chat.completion",
        "id": "chatcmpl-1234",
        "model": "granite",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello."},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
    }


def test_the_chunks_of_a_stream():
    """The role first, the finish reason last, then the usage."""
    made = chunks(Verbatim(), ["Hel", "lo."], finish_reason="length")
    assert {(chunk["object"], chunk["id"], chunk["model"]) for chunk in made} == {
        ("chat.completion.chunk", "chatcmpl-1234", "granite")
    }
    assert [chunk["choices"] for chunk in made] == [
        [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}, "finish_reason": None, "logprobs": None}],
        [{"index": 0, "delta": {"content": "lo."}, "finish_reason": None, "logprobs": None}],
        [{"index": 0, "delta": {}, "finish_reason": "length", "logprobs": None}],
        [],
    ]
    assert [chunk.get("usage") for chunk in made[:-1]] == [None, None, None]
    assert made[-1]["usage"] == {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


THOUGHT = ["<thi", "nk>", "Hm", ".", "</think>", "<response>Yes", ".</resp", "onse>"]


def test_thoughts_are_reasoning():
    """By vLLM's name and by the one that langchain-replicate reads."""
    message = completion(Thoughts(), THOUGHT)["choices"][0]["message"]
    assert message == {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm.", "reasoning": "Hm."}
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(Thoughts(), THOUGHT)[:-1]]
    assert deltas == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "Hm", "reasoning": "Hm"},
        {"reasoning_content": ".", "reasoning": "."},
        {"content": "Yes"},
        {"content": "."},
        {},
    ]


def test_log_probabilities_go_with_the_next_chunk():
    """Each token's once, also where its text is held back."""
    made = completion(Thoughts(), THOUGHT, logprobs=True)["choices"][0]["logprobs"]
    assert made == {"content": [logprob(text) for text in THOUGHT]}
    streamed = [chunk["choices"][0]["logprobs"] for chunk in chunks(Thoughts(), THOUGHT, logprobs=True)[:-1]]
    assert [entry for each in streamed if each for entry in each["content"]] == made["content"]


def test_citations_are_part_of_the_message():
    """In a stream they come with the end."""
    controls = {"citations": True}
    message = completion(Grounding(Verbatim(), DOCUMENTS, controls), CITED)["choices"][0]["message"]
    assert message == {"role": "assistant", "content": ANSWER, "citations": CITATIONS}
    made = chunks(Grounding(Verbatim(), DOCUMENTS, controls), CITED)
    assert made[-3]["choices"][0]["delta"] == {"citations": CITATIONS}
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in made[:-1]) == ANSWER


def tool_calls():
    return Scrubbed(ToolCalls())


TWO_CALLS = '<|tool_call|>[{"name": "weather", "arguments": {"city": "Zürich \\"]"}}, {"name": "now", "arguments": {}}]'


def called(message):
    """The names and arguments of a message's calls."""
    return [(call["function"]["name"], call["function"]["arguments"]) for call in message["tool_calls"]]


def test_tool_calls_are_data():
    """Each has an id of its own."""
    (choice,) = completion(tool_calls(), [TWO_CALLS])["choices"]
    message = choice["message"]
    assert (choice["finish_reason"], message["content"]) == ("tool_calls", None)
    assert called(message) == [("weather", '{"city": "Zürich \\"]"}'), ("now", "{}")]
    assert len({call["id"] for call in message["tool_calls"]}) == 2
    assert {call["type"] for call in message["tool_calls"]} == {"function"}


def test_tool_calls_stream_as_deltas():
    """The name with the id first, then the arguments in pieces that make up the whole."""
    made = chunks(tool_calls(), TWO_CALLS)
    deltas = [call for chunk in made[:-1] for call in chunk["choices"][0]["delta"].get("tool_calls", [])]
    for index, name, arguments in ((0, "weather", '{"city": "Zürich \\"]"}'), (1, "now", "{}")):
        own = [delta for delta in deltas if delta["index"] == index]
        assert (own[0]["function"]["name"], own[0]["type"], bool(own[0]["id"])) == (name, "function", True)
        assert "".join(delta["function"].get("arguments", "") for delta in own) == arguments
    assert made[-2]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("No tool is needed.", "No tool is needed."),
        (f"Let me see. {TWO_CALLS}", "Let me see. "),
        ("<|tool_call|> I cannot.", " I cannot."),
        ("<|tool_call|>[]", "[]"),
        ('<|tool_call|>[{"name": "wea', '[{"name": "wea'),
        ('<|tool_call|>[{"arguments": {}}]', '[{"arguments": {}}]'),
        ('<|tool_call|>{"name": "now"}', '{"name": "now"}'),
        ("In prose <tool_call> is a tag.", "In prose <tool_call> is a tag."),
        ("It is <|start_of_cite|>late<|end_of_text|>.", "It is late."),
        # A stop text that lies within the marker cuts it.
        ("So. <|tool_c", "So. "),
    ],
)
def test_what_is_no_call_is_content(text, content):
    """Without control tokens, whole or in a stream; what is no list of calls is shown as it was written."""
    assert completion(tool_calls(), text)["choices"][0]["message"]["content"] == content
    assert completion(tool_calls(), [text])["choices"][0]["message"]["content"] == content


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('<|tool_call|> [ {"name" : "now" , "arguments" : { "a" : [1, {}] } } ] ', [("now", '{ "a" : [1, {}] }')]),
        ('<|tool_call|>[{"name": "now"}]', [("now", "{}")]),
        ('<|tool_call|>[{"name": "now", "arguments": null}]', [("now", "{}")]),
        ('<|tool_call|>[{"arguments": {"a": 1}, "name": "now"}]', [("now", '{"a": 1}')]),
        ('<|tool_call|>[{"id": 7, "name": "now", "arguments": {}, "x": [true]}]', [("now", "{}")]),
        ('<|tool_call|>[{"name": "now", "arguments": "{\\"a\\": 1}"}]', [("now", '{"a": 1}')]),
        ('<|tool_call|>[{"name": "n\\u00f6w", "arguments": {"a": "\\u00f6 <tool_call> \\\\"}}]', [("nöw", '{"a": "\\u00f6 <tool_call> \\\\"}')]),
        ('<tool_call>[{"name": "now", "arguments": {}}]', [("now", "{}")]),
        ('<|tool_call|><|tool_call|>[{"name": "now"}]', [("now", "{}")]),
        ('<|tool_call|>[{"name": "now"', [("now", "{}")]),
        ('<|tool_call|>[{"name": "now" ]', [("now", "{}")]),
        ('<|tool_call|>[{"name": "now", "arguments": "abc"}]', [("now", '"abc"')]),
        ('<|tool_call|>[{"name": "now", "arguments": "[1]"}]', [("now", '"[1]"')]),
        ('<|tool_call|>[{"name": "now", "arguments": [1]}]', [("now", "[1]")]),
        ('<|tool_call|>[{"name": "now", "arguments": {}}, {"name": "wea', [("now", "{}")]),
        ('<|tool_call|>[{"name": "a"}]<|tool_call|>[{"name": "b"}]', [("a", "{}"), ("b", "{}")]),
        (TWO_CALLS, [("weather", '{"city": "Zürich \\"]"}'), ("now", "{}")]),
    ],
)  # fmt: skip
def test_calls_in_every_form(text, calls):
    """As the model wrote their arguments, in one piece and character by character."""
    for texts in ([text], text):
        message = completion(tool_calls(), texts)["choices"][0]["message"]
        assert called(message) == calls
        assert message["content"] in (None, ', {"name": "wea', "]")


def test_what_stands_around_a_list_is_content():
    """Also behind it, and where it breaks off."""
    for text, content in (
        (f"Let me see. {TWO_CALLS} So.", "Let me see.  So."),
        ('<|tool_call|>[{"name": "a", "arguments": {}} oops', " oops"),
        ('<|tool_call|>[{"name": "a", "arguments": {"b": 1}] oops', "] oops"),
    ):
        assert completion(tool_calls(), text)["choices"][0]["message"]["content"] == content


def test_a_long_call_is_read_in_time():
    """A token of it costs the same at its end as at its beginning; the deadline is generous."""
    parser, began = ToolCalls(), time.monotonic()
    parser.add('<|tool_call|>[{"name": "write", "arguments": {"text": "')
    for _ in range(20_000):
        parser.add("words and ")
    parser.add('"}}]')
    assert time.monotonic() - began < 20


def test_a_call_that_is_cut_is_not_one_to_make():
    """The finish reason says why."""
    (choice,) = completion(tool_calls(), [TWO_CALLS[:60]], finish_reason="length")["choices"]
    assert choice["finish_reason"] == "length"
    assert called(choice["message"]) == [("weather", '{"city": "Zür')]


@given(
    st.lists(
        st.sampled_from((TWO_CALLS, "<|tool_call|>", "[", '{"name": "now"', "}", "]", " a ", "<|", "<tool_call>")),
        max_size=5,
    ),
    st.data(),
)
def test_any_split_gives_the_same_calls(parts, data):
    """Whatever the model writes, it fails no request."""
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    def seen(texts):
        message = completion(tool_calls(), texts)["choices"][0]["message"]
        return message["content"], called(message) if "tool_calls" in message else []

    assert seen(pieces) == seen([text])
