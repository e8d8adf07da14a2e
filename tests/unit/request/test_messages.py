"""Messages and documents in the formats that callers write."""

import pytest

from tests.inputs import refusal, request

ASK = {"role": "user", "content": "Why?"}


def called(**function):
    return {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": function}]}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"role": "developer", "content": "Be brief."}, {"role": "system", "content": "Be brief."}),
        ({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "x": 0}]}, {"role": "user", "content": "ab"}),
        ({"role": "tool", "tool_call_id": "a", "name": "now", "content": "12:00"}, {"role": "tool", "content": "12:00"}),
        *(
            (called(name="now", arguments=written), {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "now", "arguments": read}}]})
            for written, read in (('{"city": "Bonn"}', {"city": "Bonn"}), ({"a": 1}, {"a": 1}), ({}, {}), (None, {}), ("", {}), ("{}", {}))
        ),
        ({"role": "assistant", "content": "So.", "reasoning": "a", "reasoning_content": "a", "citations": [{}], "hallucinations": [{}],
          "refusal": None, "annotations": [], "audio": None, "function_call": None, "tool_calls": []}, {"role": "assistant", "content": "So."}),
    ],
)  # fmt: skip
def test_a_message_as_the_chat_template_reads_it(given, message):
    """An answer can be sent back as it came, with fields that the prompt has no place for and with nulls."""
    assert request(messages=[ASK, given]).conversation.messages == [ASK, message]


ROLES = "`messages[1].role` must be system, developer, user, assistant or tool, got"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (7, "`messages[1]` must be an object, got 7."),
        ({"role": "narrator", "content": "x"}, f"{ROLES} narrator."),
        ({"role": "a secret " * 9, "content": "x"}, f"{ROLES} a text of 81 characters."),
        ({"role": ["user"], "content": "x"}, f"{ROLES} a list."),
        ({"role": None, "content": "x"}, "`messages[1].role` is missing."),
        ({"role": "assistant", "content": None, "tool_calls": []}, "`messages[1].content` is missing."),
        ({"role": "user", "content": 7}, "`messages[1].content` must be a text or a list of text parts, got 7."),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}, "`messages[1].content[0].type` must be text, got image_url."),
        ({"role": "user", "content": ["x"]}, "`messages[1].content[0]` must be an object, got x."),
        ({"role": "user", "content": "x", "weight": 0}, "`messages[1]` has an unknown field `weight`; remove it."),
        ({"role": "user", "content": "x", "a secret " * 9: 0}, "`messages[1]` has an unknown field a text of 81 characters; remove it."),
        ({**called(name="now"), "role": "user"}, "`messages[1].tool_calls` requires role assistant; remove it."),
        ({"role": "assistant", "tool_calls": "now"}, "`messages[1].tool_calls` must be a list, got now."),
        (called(), "`messages[1].tool_calls[0].function.name` is missing."),
        (called(name=""), "`messages[1].tool_calls[0].function.name` must not be empty."),
        *(
            (called(name="now", arguments=arguments), "`messages[1].tool_calls[0].function.arguments` must be a JSON object.")
            for arguments in ("[]", "{", '{"a": NaN}', '{"a": "\\ud800"}', '{"a": ' + "[" * 2000 + "]" * 2000 + "}", 7)
        ),
    ],
)  # fmt: skip
def test_a_wrong_message_is_one_sentence(given, sentence):
    assert refusal(messages=[ASK, given]) == sentence


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_a_chat_needs_a_message_of_the_user(role):
    assert refusal(messages=[{"role": role, "content": "x"}]) == "`messages` has no message with role user; add one."


@pytest.mark.parametrize(
    ("given", "doc_id"),
    [({}, "2"), ({"title": "B"}, "B"), ({"doc_id": 7, "title": "C"}, "7"), ({"doc_id": "", "title": None}, "2"), ({"doc_id": 0}, "0")],
)  # fmt: skip
def test_a_document_goes_by_its_id_title_or_number(given, doc_id):
    documents = request(prompt="x", documents=[{"text": "a"}, {"text": "b", **given}]).conversation.documents
    assert documents == [{"doc_id": "1", "text": "a"}, {"doc_id": doc_id, "text": "b"}]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"title": "x"}, "`documents[0].text` is missing."),
        ({"text": 7}, "`documents[0].text` must be a text, got 7."),
        ({"text": "x", "url": "y"}, "`documents[0]` has an unknown field `url`; remove it."),
        ({"text": "x", "doc_id": True}, "`documents[0].doc_id` must be a text, got true."),
    ],
)
def test_a_wrong_document_is_one_sentence(given, sentence):
    assert refusal(prompt="x", documents=[given]) == sentence
