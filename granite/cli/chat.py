"""`script/chat`: a conversation over a server's OpenAI API."""

import argparse
import contextlib
import os
import readline  # noqa: F401  # gives input() its history
import signal
import sys
from collections.abc import Iterator
from typing import Any

from granite.cli import environment
from granite.errors import GraniteError, InvalidInput

HELP = """\
/system TEXT   sets the system prompt; without TEXT: Granite's own
/seed NUMBER   makes answers repeatable; without NUMBER: random
/thinking      lets the model think before it answers, or no longer
/reset         forgets the conversation
\"\"\"            begins and ends a message of several lines
Ctrl-C         stops an answer; Ctrl-D and /quit leave"""


class Chat:
    def __init__(self, url: str) -> None:
        from openai import OpenAI
        from rich.console import Console

        base = f"{'' if '://' in url else 'http://'}{url.removesuffix('/').removesuffix('/v1')}/v1"
        self._client = OpenAI(base_url=base, api_key=os.environ.get("OPENAI_API_KEY") or "none")
        with _sentences():
            self._model = self._client.models.list().data[0].id
        self._console = Console(highlight=False)
        self._system, self._turns = list[Any](), list[Any]()
        # The Cog API's defaults; OpenAI's own are 1, 1 and no top_k.
        self._options: dict[str, Any] = {"temperature": 0.6, "top_p": 0.9, "top_k": 50, "seed": None, "thinking": False}

    def answer(self, text: str) -> None:
        """Print an answer as it is generated; Ctrl-C stops it. Raises InvalidInput with the server's sentence."""
        turns = [*self._turns, {"role": "user", "content": text}]
        request: Any = {"model": self._model, "messages": self._system + turns, "extra_body": self._options}
        said = ""
        try:
            with _sentences(), self._client.chat.completions.create(**request, stream=True) as chunks:
                for choice in (choice for chunk in chunks for choice in chunk.choices):
                    self._console.out(getattr(choice.delta, "reasoning", None) or "", style="dim", end="")
                    self._console.out(choice.delta.content or "", end="")
                    said += choice.delta.content or ""
                    if choice.finish_reason == "length":
                        self._console.out(" [the context is full; /reset empties it]", style="dim", end="")
        except KeyboardInterrupt:
            self._console.out(" [stopped]", style="dim", end="")
        self._console.out()
        self._turns = [*turns, {"role": "assistant", "content": said}] if said else self._turns

    def converse(self) -> None:
        """Answer what is typed, until the end of the input."""
        with contextlib.suppress(EOFError):
            while True:
                try:
                    self._take(input(">>> "))
                except (InvalidInput, KeyboardInterrupt) as error:
                    environment.say(str(error) or "\n/quit or Ctrl-D leaves.")

    def _take(self, line: str) -> None:
        match line.split(maxsplit=1):
            case ["/system", *text]:
                self._system = [{"role": "system", "content": each} for each in text]
            case ["/seed", *number] if not number or number[0].isdecimal():
                self._options["seed"] = int(number[0]) if number else None
            case ["/thinking"]:
                self._options["thinking"] = not self._options["thinking"]
                environment.say(f"Thinking is {'on' if self._options['thinking'] else 'off'}.")
            case ["/reset"]:
                self._turns = []
            case ["/help"]:
                environment.say(HELP)
            case ["/quit"]:
                raise EOFError
            case [word, *_] if word.startswith("/"):
                raise InvalidInput(f"{line} is not a command; /help lists them.")
            case [word, *_] if word.startswith('"""'):
                while not line.endswith('"""') or len(line) < 6:
                    line += "\n" + input("... ")
                self.answer(line[3:-3].strip())
            case [_, *_]:
                self.answer(line)


@contextlib.contextmanager
def _sentences() -> Iterator[None]:
    """Raise the server's sentence, or what keeps it from answering, as InvalidInput."""
    from openai import APIError

    try:
        yield
    except APIError as error:
        body: Any = error.body
        raise InvalidInput(body["message"] if body else f"{error.request.url}: {error.message}") from None


def main() -> None:
    parser = argparse.ArgumentParser("script/chat", description="Talk to the model, or pipe in one message.")
    parser.add_argument("--url", help="a running server's OpenAI API (with $OPENAI_API_KEY); default: start a server")
    url = parser.parse_args().url
    environment.enter()
    from granite.cli.server import free_port, ready

    port = str(free_port())
    try:
        with ready({"OPENAI_HOST": "127.0.0.1", "OPENAI_PORT": port}) if not url else contextlib.nullcontext():
            chat = Chat(url or f"127.0.0.1:{port}")
            signal.signal(signal.SIGINT, signal.default_int_handler)
            chat.converse() if sys.stdin.isatty() else chat.answer(sys.stdin.read())
    except GraniteError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
