"""The environment, read in one place."""

from pathlib import Path

import pytest

from granite.errors import SettingsError
from granite.settings import Settings


def test_an_empty_environment_gives_the_defaults(monkeypatch):
    """They stand in one place."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    assert Settings.from_environment().model_dump() == {
        "cog_weights": None,
        "cog_max_concurrency": 256,
        "log_level": "debug",
        "log_format": "console",
        "log_prompts": True,
        "trust_chat_template": False,
        "quantization": None,
        "adapters": None,
        "engine_args": {},
    }


def test_values_are_typed(monkeypatch):
    """Case does not matter to a level."""
    monkeypatch.setenv("COG_WEIGHTS", "/models/granite")
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    monkeypatch.setenv("ENGINE_ARGS", '{"max_model_len": 8192}')
    settings = Settings.from_environment()
    assert settings.cog_weights == Path("/models/granite")
    assert settings.log_level == "warning"
    assert settings.engine_args == {"max_model_len": 8192}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("LOG_FORMAT", "xml", "LOG_FORMAT=xml is refused: Input should be 'console' or 'json'."),
        (
            "LOG_LEVEL",
            "loud",
            "LOG_LEVEL=loud is refused: Input should be 'debug', 'info', 'warning' or 'error'.",
        ),
        (
            "COG_MAX_CONCURRENCY",
            "0",
            "COG_MAX_CONCURRENCY=0 is refused: Input should be greater than or equal to 1.",
        ),
        (
            "ENGINE_ARGS",
            "[1]",
            'ENGINE_ARGS=[1] is refused: not a JSON object such as {"max_model_len": 8192}.',
        ),
        (
            "ENGINE_ARGS",
            "{",
            "ENGINE_ARGS={ is refused: not JSON (Expecting property name enclosed in double quotes: "
            "line 1 column 2 (char 1)).",
        ),
    ],
)
def test_a_value_that_means_nothing_is_one_sentence(monkeypatch, name, value, sentence):
    """It names the variable and the value."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment()
    assert str(caught.value) == sentence
