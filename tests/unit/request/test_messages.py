"""Messages and documents in the formats that callers write."""

import pytest

from tests.inputs import refusal, request

ASK = {"role": "user", "content": "Why?"}
CALL = {"id": "a", "type": "function", "function": {"name": "now", "arguments": '{"city": "Bonn"}'}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}


def test_messages_of_every_role():
    """`developer` is the newer name of `system`; a call's JSON is read."""
    given = [{"role": "developer", "content": "Be brief."}, ASK, CALLED, {"role": "tool", "content": "12:00"}]
    assert request(messages=given).conversation.messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "now", "arguments": {"city": "Bonn"}}}],
        },
        {"role": "tool", "content": "12:00"},
    ]


@pytest.mark.parametrize("arguments", [{}, None, "", "{}"])
def test_a_call_without_arguments(arguments):
    call = {"function": {"name": "now", "arguments": arguments}}
    messages = request(messages=[ASK, {"role": "assistant", "tool_calls": [call]}]).conversation.messages
    assert messages[1]["tool_calls"] == [{"function": {"name": "now", "arguments": {}}}]


def test_an_answer_can_be_sent_back_as_it_came():
    """With fields that Granite's prompt has no place for, and with fields that are null."""
    answer = {
        "role": "assistant",
        "content": "So.",
        "reasoning": "a",
        "reasoning_content": "a",
        "citations": [{}],
        "hallucinations": [{}],
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
        "tool_calls": [],
    }
    result = {"role": "tool", "tool_call_id": "a", "name": "now", "content": [{"type": "text", "text": "1", "x": 0}]}
    assert request(messages=[ASK, answer, result]).conversation.messages[1:] == [
        {"role": "assistant", "content": "So."},
        {"role": "tool", "content": "1"},
    ]


ROLES = "`messages[1].role` must be system, developer, user, assistant or tool, got"


def call(**function):
    return {"role": "assistant", "tool_calls": [{"function": function}]}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (7, "`messages[1]` must be an object, got 7."),
        ({"role": "narrator", "content": "x"}, f"{ROLES} narrator."),
        ({"role": "a secret " * 9, "content": "x"}, f"{ROLES} a text of 81 characters."),
        ({"role": ["user"], "content": "x"}, f"{ROLES} a list."),
        ({"content": "x"}, "`messages[1].role` is missing."),
        ({"role": None, "content": "x"}, "`messages[1].role` is missing."),
        ({"role": "user"}, "`messages[1].content` is missing."),
        ({"role": "assistant", "content": None, "tool_calls": []}, "`messages[1].content` is missing."),
        ({"role": "user", "content": 7}, "`messages[1].content` must be a text or a list of text parts, got 7."),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}, "`messages[1].content[0].type` must be text, got image_url."),
        ({"role": "user", "content": ["x"]}, "`messages[1].content[0]` must be an object, got x."),
        ({"role": "user", "content": [{"type": "text"}]}, "`messages[1].content[0].text` is missing."),
        ({"role": "user", "content": "x", "weight": 0}, "`messages[1]` has an unknown field `weight`; remove it."),
        ({"role": "user", "content": "x", "a secret " * 9: 0}, "`messages[1]` has an unknown field a text of 81 characters; remove it."),
        ({"role": "user", "content": "x", "tool_calls": [CALL]}, "`messages[1].tool_calls` requires role assistant; remove it."),
        ({"role": "assistant", "content": "", "function_call": {"name": "f"}}, "`messages[1]` has an unknown field `function_call`; remove it."),
        ({"role": "assistant", "tool_calls": "now"}, "`messages[1].tool_calls` must be a list, got now."),
        ({"role": "assistant", "tool_calls": [7]}, "`messages[1].tool_calls[0]` must be an object, got 7."),
        (call(), "`messages[1].tool_calls[0].function.name` is missing."),
        (call(name=""), "`messages[1].tool_calls[0].function.name` must not be empty."),
        *(
            (call(name="now", arguments=arguments), "`messages[1].tool_calls[0].function.arguments` must be a JSON object.")
            for arguments in ("[]", "{", '{"a": NaN}', '{"a": "\\ud800"}', '{"a": ' + "[" * 2000 + "]" * 2000 + "}", 7)
        ),
    ],
)  # fmt: skip
def test_a_wrong_message_is_one_sentence(given, sentence):
    assert refusal(messages=[ASK, given]) == sentence


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_a_chat_needs_a_message_of_the_user(role):
    assert refusal(messages=[{"role": role, "content": "x"}]) == "`messages` has no message with role user; add one."


def test_documents_go_by_id_title_or_number():
    given = [
        {"text": "a"},
        {"title": "B", "text": "b"},
        {"doc_id": 7, "title": "C", "text": "c"},
        {"doc_id": "", "title": None, "text": "d"},
        {"doc_id": 0, "text": "e"},
    ]
    assert request(prompt="x", documents=given).conversation.documents == [
        {"doc_id": "1", "text": "a"},
        {"doc_id": "B", "text": "b"},
        {"doc_id": "7", "text": "c"},
        {"doc_id": "4", "text": "d"},
        {"doc_id": "0", "text": "e"},
    ]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"title": "x"}, "`documents[0].text` is missing."),
        ({"text": 7}, "`documents[0].text` must be a text, got 7."),
        ({"text": "x", "url": "y"}, "`documents[0]` has an unknown field `url`; remove it."),
        ({"text": "x", "doc_id": 1.5}, "`documents[0].doc_id` must be a text or a whole number, got 1.5."),
        ({"text": "x", "doc_id": True}, "`documents[0].doc_id` must be a text or a whole number, got true."),
        ({"text": "x", "title": ["y"]}, "`documents[0].title` must be a text or a whole number, got a list."),
    ],
)
def test_a_wrong_document_is_one_sentence(given, sentence):
    assert refusal(prompt="x", documents=[given]) == sentence
