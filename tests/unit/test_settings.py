"""The environment variables, read in one place."""

from pathlib import Path

import pytest

from granite.errors import SettingsError
from granite.settings import Settings


@pytest.fixture
def read(monkeypatch):
    """Read the settings from an environment with only these variables."""

    def read(**variables):
        for name in Settings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return Settings.from_environment()

    return read


DEFAULTS = {
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


def test_values_are_typed_in_any_case_and_an_empty_one_is_not_set(read):
    assert read().model_dump() == DEFAULTS
    variables = {"COG_WEIGHTS": "/model", "LOG_LEVEL": "WARNING", "LOG_FORMAT": "", "ENGINE_ARGS": '{"seed": 1}'}
    changed = {"cog_weights": Path("/model"), "log_level": "warning", "engine_args": {"seed": 1}}
    assert read(**variables).model_dump() == DEFAULTS | changed


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("LOG_FORMAT", "xml", "Input should be 'console' or 'json'"),
        ("COG_MAX_CONCURRENCY", "0", "Input should be greater than or equal to 1"),
        ("ENGINE_ARGS", "[1]", 'not a JSON object such as {"max_model_len": 8192}'),
        ("ENGINE_ARGS", "[", "not JSON (Expecting value: line 1 column 2 (char 1))"),
        ("OPENAI_PORT", "0", "Input should be greater than or equal to 1"),
    ],
)
def test_an_invalid_value_is_one_sentence_without_the_key(read, name, value, reason):
    with pytest.raises(SettingsError) as caught:
        read(OPENAI_API_KEY="secret", **{name: value})
    assert str(caught.value) == f"{name}={value} is invalid: {reason}."


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_a_loopback_host_needs_no_key(read, host):
    assert read(OPENAI_PORT="8000", OPENAI_HOST=host).openai_host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "granite.example"])
def test_any_other_host_needs_a_key_unless_the_openai_api_is_off(read, host):
    with pytest.raises(SettingsError) as caught:
        read(OPENAI_PORT="8000", OPENAI_HOST=host)
    assert str(caught.value) == (
        f"OPENAI_HOST={host} opens the API to the network without a key: set OPENAI_API_KEY, or keep "
        "OPENAI_HOST=127.0.0.1."
    )
    assert read(OPENAI_HOST=host).openai_port is None
    settings = read(OPENAI_PORT="8000", OPENAI_HOST=host, OPENAI_API_KEY="secret\n")
    assert settings.openai_api_key.get_secret_value() == "secret"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("variables", "slots"),
    [
        ({}, 0),
        ({"OPENAI_PORT": "8000", "COG_MAX_CONCURRENCY": "8"}, 8),
        ({"OPENAI_PORT": "8000", "COG_MAX_CONCURRENCY": "8", "OPENAI_MAX_CONCURRENCY": "3"}, 3),
    ],
)
def test_the_openai_api_has_as_many_slots_as_cog_by_default(read, variables, slots):
    assert read(**variables).openai_slots == slots
