"""`script/chat`: a conversation over a server's OpenAI API."""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

from granite.cli import environment, schema
from granite.errors import GraniteError, InvalidInput

HELP = """\
/system TEXT   set the system prompt; alone: restore Granite's own
/seed NUMBER   make answers repeatable; alone: random again
/thinking      turn thinking on or off
/reset         forget the conversation
\"\"\"            start and end a message of several lines
Ctrl-C         stop an answer; Ctrl-D or /quit to leave"""


class Chat:
    def __init__(self, url: str) -> None:
        from openai import OpenAI
        from rich.console import Console

        self._url = f"{'' if '://' in url else 'http://'}{url.removesuffix('/').removesuffix('/v1')}/v1"
        self._client = OpenAI(base_url=self._url, api_key=os.environ.get("OPENAI_API_KEY") or "none")
        with _sentences(self._url):
            self._model = self._client.models.list().data[0].id
        self._console, self._system, self._turns = Console(highlight=False), list[Any](), list[Any]()
        inputs, names = schema.inputs(schema.PREDICT.read_text()), ("temperature", "top_p", "top_k", "seed", "thinking")
        self._options = {name: inputs[name]["default"] for name in names}  # not OpenAI's own: 1, 1 and no top_k

    def answer(self, text: str) -> None:
        """Print an answer as it is generated; Ctrl-C stops it. Raises InvalidInput with the server's sentence."""
        said, turns = "", [*self._turns, {"role": "user", "content": text}]
        request: Any = {"model": self._model, "messages": self._system + turns, "extra_body": self._options}
        try:
            with _sentences(self._url), self._client.chat.completions.create(**request, stream=True) as chunks:
                for choice in (choice for chunk in chunks for choice in chunk.choices):
                    self._console.out(getattr(choice.delta, "reasoning", None) or "", style="dim", end="")
                    self._console.out(choice.delta.content or "", end="")
                    said += choice.delta.content or ""
                    if choice.finish_reason == "length":
                        self._console.out(" [the context is full; /reset empties it]", style="dim", end="")
        except KeyboardInterrupt:
            self._console.out(" [stopped]", style="dim", end="")
        finally:
            self._console.out()
        self._turns = [*turns, {"role": "assistant", "content": said}] if said else self._turns

    def converse(self) -> None:
        import readline  # noqa: F401  # gives input() its history

        signal.signal(signal.SIGINT, signal.default_int_handler)
        with contextlib.suppress(EOFError):
            while True:
                try:
                    self._take(input(">>> ").strip())
                except (InvalidInput, KeyboardInterrupt) as error:
                    environment.say(str(error) or "\nType /quit or press Ctrl-D to leave.")

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
                raise InvalidInput(
                    f"`{word}` {'takes another value' if f'{word} ' in HELP else 'is unknown'}; see /help."
                )
            case [word, *_]:
                while word.startswith('"""') and (not line.endswith('"""') or len(line) < 6):
                    line += "\n" + input("... ")
                self.answer(line.removeprefix('"""').removesuffix('"""').strip())


@contextlib.contextmanager
def _sentences(url: str) -> Iterator[None]:
    from httpx2 import HTTPError
    from openai import APIError

    try:
        yield
    except (APIError, HTTPError, AttributeError) as error:  # the last for a page that is not JSON
        body = getattr(error, "body", None)
        sentence = body.get("message") if isinstance(body, dict) else None
        raise InvalidInput(sentence or f"{url} does not answer as an OpenAI API ({type(error).__name__}).") from None


def main() -> None:
    parser = argparse.ArgumentParser("script/chat", description="Talk to the model, or pipe in one message.")
    parser.add_argument("--url", help="a running server's OpenAI API, with $OPENAI_API_KEY; default: start a server")
    url = parser.parse_args().url
    environment.enter()
    from granite.cli.own_server import openai_api

    piped = None if sys.stdin.isatty() else sys.stdin.read().strip() or sys.exit("The piped message is empty.")
    try:
        with contextlib.nullcontext(url) if url else openai_api() as url:
            chat = Chat(url)
            chat.answer(piped) if piped else chat.converse()
    except GraniteError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
