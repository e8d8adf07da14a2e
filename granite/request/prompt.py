"""What the model is sent: a conversation in Granite's prompt format, by `chat_template.jinja`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers.utils.chat_template_utils import render_jinja_template

from granite.errors import InvalidInput
from granite.request.conversation import Conversation


class PromptFormat:
    """The chat template of this server."""

    def __init__(self, template: Path) -> None:
        self._template = template.read_text(encoding="utf-8")

    def format(self, asked: Conversation) -> str:
        """The text that is tokenised. Raises InvalidInput where a request's own template makes none."""
        if asked.text is not None:
            return asked.text
        # What a caller writes for the template stands below what was checked.
        arguments: dict[str, Any] = {
            **asked.template_arguments,
            "thinking": asked.controls.thinking,
            "controls": asked.controls.told,
        }
        try:
            rendered: Any = render_jinja_template(
                conversations=[asked.turns],
                tools=list(asked.tools.definitions) or None,
                documents=asked.documents or None,
                chat_template=self._template if asked.template is None else asked.template,
                add_generation_prompt=asked.add_generation_prompt,
                **arguments,
            )
        except Exception as error:  # a template is a program: it can raise anything
            raise InvalidInput(f"chat_template does not render: {type(error).__name__}.") from None
        if not rendered[0][0]:
            raise InvalidInput("chat_template renders nothing: the model needs a prompt.")
        return str(rendered[0][0])
