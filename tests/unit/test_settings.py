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
        "shutdown_grace": 30,
        "openai_port": None,
        "openai_host": "127.0.0.1",
        "openai_api_key": None,
        "openai_max_concurrency": None,
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


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_loopback_needs_no_key(monkeypatch, host):
    """Who reaches it is on this machine."""
    monkeypatch.setenv("OPENAI_PORT", "8000")
    monkeypatch.setenv("OPENAI_HOST", host)
    assert Settings.from_environment().openai_host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "granite.example"])
def test_an_open_door_without_a_key_is_refused(monkeypatch, host):
    """With a key it is not, nor where the API is off."""
    monkeypatch.setenv("OPENAI_HOST", host)
    assert Settings.from_environment().openai_port is None
    monkeypatch.setenv("OPENAI_PORT", "8000")
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment()
    assert str(caught.value) == (
        f"OPENAI_HOST={host} would let anyone in: set OPENAI_API_KEY, or leave OPENAI_HOST at 127.0.0.1."
    )
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert Settings.from_environment().openai_api_key.get_secret_value() == "secret"


def test_the_key_is_in_no_repr(monkeypatch):
    """Nor in an error about another variable."""
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert "secret" not in repr(Settings.from_environment())
    monkeypatch.setenv("OPENAI_PORT", "0")
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment()
    assert str(caught.value) == "OPENAI_PORT=0 is refused: Input should be greater than or equal to 1."


@pytest.mark.parametrize(
    ("environment", "places"),
    [
        ({}, 0),
        ({"OPENAI_PORT": "8000"}, 256),
        ({"OPENAI_PORT": "8000", "COG_MAX_CONCURRENCY": "8"}, 8),
        ({"OPENAI_PORT": "8000", "COG_MAX_CONCURRENCY": "8", "OPENAI_MAX_CONCURRENCY": "3"}, 3),
    ],
)
def test_the_openai_api_has_as_many_places_as_cog_unless_told(monkeypatch, environment, places):
    """None where it is off."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings.from_environment().openai_places == places
