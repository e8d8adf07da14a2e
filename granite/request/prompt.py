"""What the model is sent: a conversation in Granite's prompt format, by `chat_template.jinja`."""

from pathlib import Path
from typing import Any

from transformers.utils.chat_template_utils import render_jinja_template

from granite.errors import InvalidInput
from granite.request.conversation import Conversation


class PromptTemplate:
    """The server's chat template."""

    def __init__(self, path: Path) -> None:
        self._template = path.read_text(encoding="utf-8")

    def render(self, conversation: Conversation) -> str:
        """Return the text to tokenize. Raises InvalidInput if the request's own template does not render."""
        if isinstance(conversation.verbatim, str):
            return conversation.verbatim
        inputs = conversation.inputs
        # The caller's arguments come first: they cannot replace what was checked.
        arguments: dict[str, Any] = {
            **(inputs.chat_template_kwargs or {}),
            "thinking": conversation.controls.thinking,
            "controls": conversation.controls.of_assistant,
        }
        try:
            rendered: Any = render_jinja_template(
                conversations=[conversation.messages],
                tools=list(conversation.tools.definitions) or None,
                documents=conversation.documents or None,
                chat_template=self._template if inputs.chat_template is None else inputs.chat_template,
                add_generation_prompt=inputs.add_generation_prompt,
                **arguments,
            )
        except Exception as error:  # a template is a program: it can raise anything
            raise InvalidInput(f"`chat_template` cannot be rendered: {type(error).__name__}.") from None
        if not rendered[0][0]:
            raise InvalidInput("`chat_template` renders an empty prompt; the model needs a text.")
        return str(rendered[0][0])
