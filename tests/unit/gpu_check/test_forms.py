"""Which answers have the right form, and what their count means."""

import json

import pytest

from granite.gpu_check.checks import Failure
from granite.gpu_check.forms import FORMS, form


def call(arguments, name="get_weather"):
    return {"content": None, "tool_calls": [{"function": {"name": name, "arguments": arguments}}]}


RIGHT = {
    "json": {"content": '{"title":"Moby Dick","year":1851}'},
    "regex": {"content": "October 2026"},
    "tools required": call('{"city": "Boston"}'),
    "tools auto": call('{"city": "Boston"}'),
    "thinking": {"content": "9.9", "reasoning_content": "Compare."},
    "citations": {"content": "A rock.", "citations": [{"doc_id": "1"}]},
}
WRONG = {
    "json": [{"content": '{"title":"Moby Dick"}'}, {"content": '{"title": 1, "year": 1'}, {"content": None}],
    "regex": [{"content": "October 2026."}],
    "tools required": [{"content": "Rain."}, call('{"city": 1}'), call("{"), call('{"city": "Boston"}', "get_time")],
    "tools auto": [{"content": "Rain."}],
    "thinking": [{"content": "9.9"}, {"content": None, "reasoning_content": "Compare."}],
    "citations": [{"content": "A rock."}],
}


class Calls:
    """Gives each seed its message."""

    def __init__(self, *messages, trained=False, finish_reason="stop"):
        self._messages, self.trained, self._finish_reason = messages, trained, finish_reason

    def choice(self, seed, max_tokens, **_):
        return {"message": self._messages[seed] | {"tokens": max_tokens}, "finish_reason": self._finish_reason}


@pytest.mark.parametrize("name", FORMS)
def test_a_right_answer(name):
    figures = form(Calls(RIGHT[name], trained=True), name, times=1, scale=0.5)
    sample = RIGHT[name] | {"tokens": FORMS[name].tokens / 2}
    assert figures == {"right": 1, "cut": 0, "of": 1, "sample": sample}


@pytest.mark.parametrize(
    ("name", "message"), [(name, message) for name in FORMS for message in WRONG[name]], ids=json.dumps
)
def test_a_wrong_answer_is_the_sample(name, message):
    """It fails the check if the engine enforces the form, or if the trained model never has it."""
    with pytest.raises(Failure) as raised:
        form(Calls(message, trained=True), name, times=1, scale=1)
    assert raised.value.figures["sample"].items() >= message.items()
    calls = Calls(RIGHT[name], message)
    if FORMS[name].guided:
        with pytest.raises(Failure, match="the engine enforces"):
            form(calls, name, times=2, scale=1)
    else:
        figures = form(calls, name, times=2, scale=1)
        assert (figures["right"], figures["sample"].items() >= message.items()) == (1, True)


def test_an_answer_that_is_cut_is_counted():
    cut = Calls(RIGHT["json"], {"content": '{"title": "'}, finish_reason="length")
    figures = form(cut, "json", times=2, scale=1)
    assert (figures["right"], figures["cut"]) == (1, 1)
