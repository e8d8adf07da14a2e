"""The environment variables, read in one place and typed; an invalid value is refused."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from granite.errors import SettingsError

LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(BaseSettings):
    """One field for each variable; the field's name is the variable's in lower case."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    cog_weights: Path | None = None
    """A directory of model files; None: `weights/`, or the demo weights on a machine without a GPU."""
    cog_max_concurrency: int = Field(default=256, ge=1)
    """How many predictions run at once. Cog reads it too."""
    log_level: LogLevel = "debug"
    log_format: Literal["console", "json"] = "console"
    log_prompts: bool = True
    """False keeps prompts and answers out of every log line and error."""
    trust_chat_template: bool = False
    """True accepts a request's `chat_template`."""
    quantization: str | None = None
    """vLLM's name of a quantization, such as `fp8_per_channel`."""
    adapters: Path | None = None
    """A directory with a subdirectory for each LoRA adapter; None: the model alone, without LoRA's cost."""
    shutdown_grace: float = Field(default=30, ge=0)
    """Seconds for running requests to finish after SIGTERM."""
    openai_port: int | None = Field(default=None, ge=1, le=65535)
    """Port of the OpenAI API; None: it is off."""
    openai_host: str = "127.0.0.1"
    openai_api_key: SecretStr | None = None
    """Required by every route of the OpenAI API except /health."""
    openai_max_concurrency: int | None = Field(default=None, ge=1)
    """Sequences that the OpenAI API generates at once, beside Cog's predictions; None: COG_MAX_CONCURRENCY."""
    engine_args: Annotated[dict[str, Any], NoDecode] = Field(default_factory=dict)
    """vLLM engine arguments, merged over the profile's."""

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("openai_api_key", mode="before")
    @classmethod
    def _as_sent(cls, value: object) -> object:
        """A secret read from a file ends in a line break, which no header can hold."""
        return value.strip() or None if isinstance(value, str) else value

    @field_validator("engine_args", mode="before")
    @classmethod
    def _json_object(cls, value: object) -> object:
        try:
            parsed = json.loads(value) if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError(f"not JSON ({error})") from None
        if not isinstance(parsed, dict):
            raise ValueError('not a JSON object such as {"max_model_len": 8192}')
        return parsed

    @model_validator(mode="after")
    def _needs_a_key(self) -> Self:
        if self.openai_port is not None and self.openai_api_key is None and not _is_loopback(self.openai_host):
            raise ValueError(
                f"OPENAI_HOST={self.openai_host} opens the API to the network without a key: set OPENAI_API_KEY, or keep "
                "OPENAI_HOST=127.0.0.1"
            )
        return self

    @property
    def openai_slots(self) -> int:
        """Sequences that the OpenAI API generates at once."""
        if self.openai_port is None:
            return 0
        return self.openai_max_concurrency or self.cog_max_concurrency

    @property
    def slots(self) -> int:
        """Sequences that both APIs generate at once."""
        return self.cog_max_concurrency + self.openai_slots

    @classmethod
    def from_environment(cls) -> Settings:
        """Raises SettingsError with a sentence for the first invalid variable."""
        try:
            return cls()
        except ValidationError as error:
            raise SettingsError(_sentence(error.errors()[0])) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _sentence(fault: Any) -> str:
    reason = fault["msg"].removeprefix("Value error, ")
    return f"{str(fault['loc'][0]).upper()}={fault['input']} is invalid: {reason}." if fault["loc"] else f"{reason}."
