"""The environment, read in one place, typed; a value that means nothing is refused."""

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
    """A directory of model files; None: `weights/`, or the demo weights where there is no GPU."""
    cog_max_concurrency: int = Field(default=256, ge=1)
    """How many predictions run at once, and so the engine's batch. Cog reads it too."""
    log_level: LogLevel = "debug"
    log_format: Literal["console", "json"] = "console"
    log_prompts: bool = True
    """False keeps prompts and answers out of every log line and error."""
    trust_chat_template: bool = False
    """True takes a `chat_template` from a request."""
    quantization: str | None = None
    """vLLM's name of a quantization, such as `fp8_per_channel`."""
    adapters: Path | None = None
    """A directory whose subdirectories are LoRA adapters; None: the model alone, and no cost of LoRA's."""
    shutdown_grace: float = Field(default=30, ge=0)
    """Seconds that running requests have to finish after SIGTERM."""
    openai_port: int | None = Field(default=None, ge=1, le=65535)
    """Where the OpenAI API is served; None: nowhere."""
    openai_host: str = "127.0.0.1"
    openai_api_key: SecretStr | None = None
    """Wanted by every route of the OpenAI API but /health."""
    openai_max_concurrency: int | None = Field(default=None, ge=1)
    """How many sequences the OpenAI API generates at once, beside Cog's predictions; None: as many as those."""
    engine_args: Annotated[dict[str, Any], NoDecode] = Field(default_factory=dict)
    """vLLM engine arguments, merged over the profile's."""

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("openai_api_key", mode="before")
    @classmethod
    def _as_sent(cls, value: object) -> object:
        """A secret that was made of a file ends in a line break, which no header can hold."""
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
    def _no_open_door(self) -> Self:
        if self.openai_port is not None and self.openai_api_key is None and not _is_loopback(self.openai_host):
            raise ValueError(
                f"OPENAI_HOST={self.openai_host} would let anyone in: set OPENAI_API_KEY, or leave OPENAI_HOST at 127.0.0.1"
            )
        return self

    @property
    def openai_places(self) -> int:
        """Sequences that the OpenAI API generates at once."""
        if self.openai_port is None:
            return 0
        return self.openai_max_concurrency or self.cog_max_concurrency

    @classmethod
    def from_environment(cls) -> Settings:
        """Raises SettingsError with a sentence for each variable that means nothing."""
        try:
            return cls()
        except ValidationError as error:
            raise SettingsError(" ".join(_sentence(fault) for fault in error.errors())) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _sentence(fault: Any) -> str:
    if not fault["loc"]:
        return f"{fault['msg'].removeprefix('Value error, ')}."
    name = str(fault["loc"][0]).upper()
    return f"{name}={fault['input']} is refused: {fault['msg'].removeprefix('Value error, ')}."
