"""What the model is sent: a caller's text in Granite's prompt format, by `chat_template.jinja`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers.utils.chat_template_utils import render_jinja_template

from granite.errors import InvalidInput
from granite.faults import Faults

RAW_START = "<|start_of_role|>"
"""A prompt that begins with it is already formatted and is sent as it is."""

CONTROL_TOKEN = re.compile(
    r"<\|(?:start_of_role|end_of_role|end_of_text|tool_call|start_of_cite|end_of_cite|start_of_plugin|end_of_plugin)\|>"
)
"""The tokens of Granite 3.3 that open or close a role, a turn, a tool call, a citation or a plug-in."""


@dataclass(frozen=True)
class Conversation:
    """What a request asks, in predict()'s names."""

    prompt: str
    system_prompt: str | None
    thinking: bool
    chat_template: str | None

    @property
    def raw(self) -> bool:
        return self.prompt.startswith(RAW_START)

    def messages(self) -> list[dict[str, str]]:
        user = {"role": "user", "content": self.prompt}
        return [user] if self.system_prompt is None else [{"role": "system", "content": self.system_prompt}, user]


class PromptFormat:
    """The chat template of this server, and whether a request may bring its own."""

    def __init__(self, template: Path, trust_request: bool) -> None:
        self._template = template.read_text(encoding="utf-8")
        self._trust_request = trust_request

    def check(self, faults: Faults, asked: Conversation) -> None:
        """Add to `faults` what does not go together, and what would open a role of its own."""
        if not asked.prompt:
            faults.add("prompt", "prompt is empty: give the text that the model should answer.")
        if not asked.raw:
            _refuse_control_tokens(faults, "prompt", asked.prompt)
        _refuse_control_tokens(faults, "system_prompt", asked.system_prompt or "")
        if asked.raw:
            for name, given in (
                ("system_prompt", asked.system_prompt is not None),
                ("thinking", asked.thinking),
                ("chat_template", asked.chat_template is not None),
            ):
                if given:
                    faults.add(name, f"{name} must be left out beside a prompt that begins with {RAW_START}.")
        elif asked.thinking and asked.system_prompt is not None:
            faults.add("thinking", "thinking must be left out beside system_prompt: it is a system text of its own.")
        if asked.chat_template is not None and not self._trust_request:
            faults.add(
                "chat_template", "chat_template is refused unless the server runs with TRUST_CHAT_TEMPLATE=true."
            )

    def format(self, asked: Conversation) -> str:
        """The text that is tokenised. Raises InvalidInput where a request's own template does not render."""
        if asked.raw:
            return asked.prompt
        try:
            rendered: Any = render_jinja_template(
                conversations=[asked.messages()],
                chat_template=self._template if asked.chat_template is None else asked.chat_template,
                add_generation_prompt=True,
                thinking=asked.thinking,
            )
        except Exception as error:  # a template is a program: it can raise anything
            raise InvalidInput(f"chat_template does not render: {type(error).__name__}.") from None
        return str(rendered[0][0])


def _refuse_control_tokens(faults: Faults, name: str, text: str) -> None:
    found = sorted(set(CONTROL_TOKEN.findall(text)))
    if found:
        faults.add(name, f"{name} must not hold the control token {', '.join(found)}: Granite would obey it.")
