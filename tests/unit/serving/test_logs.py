"""The lines of a prediction's log."""

import json
import re
from dataclasses import dataclass

import pytest
import structlog

from granite.serving import logs
from granite.settings import Settings


@pytest.fixture
def logged(monkeypatch, capsys):
    """Log one entry under some settings and return what was printed."""

    def log(event, level="info", settings=None, **values):
        for name, value in (settings or {}).items():
            monkeypatch.setenv(name, value)
        logs.configure(Settings.from_environment())
        getattr(structlog.get_logger(), level)(event, **values)
        return capsys.readouterr().out

    yield log
    structlog.reset_defaults()


def test_a_console_line_is_the_model_pages(logged):
    """Time, padded level, padded event, then bare values sorted by key."""
    line = logged("result", "debug", user_prompt="two words", request_id="c23a", finish_reason="length")
    assert re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", line) == (
        "TIME [debug    ] result                         finish_reason=length request_id=c23a user_prompt=two words\n"
    )


def test_a_json_line_is_one_object(logged):
    """Also where a value has lines of its own."""
    line = logged("result", settings={"LOG_FORMAT": "json"}, text="a\nb")
    entry = json.loads(line)
    assert line.count("\n") == 1
    assert (entry["event"], entry["level"], entry["text"]) == ("result", "info", "a\nb")


def test_a_level_below_the_setting_is_not_written(logged):
    """Debug is the default."""
    assert logged("SamplingParams", "debug", settings={"LOG_LEVEL": "INFO"}) == ""


def test_a_long_text_stands_whole_once(logged):
    """The formatted prompt holds the user's, which elsewhere is its two ends and its length."""
    prompt = "a" * 1000 + "b" * 1001
    line = logged("Formatted prompt", user_prompt=prompt, formatted_prompt=f"<{prompt}>")
    assert line.count(prompt) == 1
    assert f"user_prompt={'a' * 500} … {'b' * 500} (2001 characters)" in line


def test_a_text_of_2000_characters_is_not_long(logged):
    """The bound itself is written whole."""
    assert f"user_prompt={'a' * 2000}\n" in logged("predict() commencing", user_prompt="a" * 2000)


def test_prompts_and_answers_can_be_kept_out(logged):
    """Every place where one would stand has its length."""
    line = logged(
        "result",
        settings={"LOG_PROMPTS": "false"},
        user_prompt="secret",
        formatted_prompt="<secret>",
        text="answer",
        reason="x",
    )
    shown = "formatted_prompt=<8 characters> reason=<1 characters> text=<6 characters> user_prompt=<6 characters>\n"
    assert line.endswith(shown)


def test_a_callers_words_in_the_sampling_parameters_are_left_out_too(logged):
    """Stop texts, bad words and grammars; the engine's own copy of them stays as it is."""

    @dataclass
    class Params:
        seed: int
        stop: list[str]
        bad_words: list[str]
        structured_outputs: str | None

    params = Params(1, ["a"], ["b"], None)
    line = logged("SamplingParams", settings={"LOG_PROMPTS": "false"}, sampling_params=params)
    shown = "Params(seed=1, stop=<redacted>, bad_words=<redacted>, structured_outputs=None)"
    assert line.partition("sampling_params=")[2].rpartition(".")[2].strip() == shown
    assert params == Params(1, ["a"], ["b"], None)
