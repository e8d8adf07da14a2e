"""What OpenAI's completion objects have in common: the head, the choices, the usage."""

import time
from collections.abc import Sequence
from typing import Any

from granite.output.answer import Answer, Delta


class Completion:
    """One choice for each answer; each answer is complete when `end` is called for it."""

    whole_object: str
    chunk_object: str

    def __init__(
        self, name: str, model: str, choices: Sequence[Any], prompts: Sequence[Answer], answers: Sequence[Answer]
    ) -> None:
        """`choices`: each has `add`, `end` and `whole`, of one choice. `prompts`: one answer to each prompt. `answers`: those whose tokens are counted."""
        self._head = {"id": name, "created": int(time.time()), "model": model}
        self._choices = choices
        self._prompts = prompts
        self._answers = answers

    def add(self, index: int, delta: Delta) -> list[dict[str, Any]]:
        """The chunks to stream now."""
        return [self._chunk(choice) for choice in self._choices[index].add(delta)]

    def end(self, index: int) -> list[dict[str, Any]]:
        """The last chunks of one choice."""
        return [self._chunk(choice) for choice in self._choices[index].end()]

    def usage_chunk(self) -> dict[str, Any]:
        return {**self._chunk(), "usage": self._usage}

    def whole(self) -> dict[str, Any]:
        choices = [choice.whole() for choice in self._choices]
        return {"object": self.whole_object, **self._head, "choices": choices, "usage": self._usage}

    def _chunk(self, *choices: dict[str, Any]) -> dict[str, Any]:
        return {"object": self.chunk_object, **self._head, "choices": [*choices]}

    @property
    def _usage(self) -> dict[str, int]:
        prompt = sum(answer.prompt_tokens for answer in self._prompts)
        answer = sum(answer.tokens for answer in self._answers)
        return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
