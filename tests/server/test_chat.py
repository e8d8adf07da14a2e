"""`script/chat` in a real terminal, and from a pipe."""

import os
import re
import subprocess
import sys

import httpx2
import pexpect
import pytest

from granite.cli import chat
from granite.cli.environment import ROOT
from granite.errors import InvalidInput
from tests.conftest import KEY

ENVIRONMENT = {**os.environ, "PYTHON": sys.executable, "OPENAI_API_KEY": KEY, "TERM": "dumb"}
PROMPT = ">>> "
HELLO, AGAIN = "Say hello.", "Say it again, in one word."


@pytest.fixture
def terminal(http):
    """A chat with the server on a terminal. It ends well, at Ctrl-D."""
    arguments = ["--url", str(http.base_url)]
    with pexpect.spawn(
        "script/chat", arguments, env=ENVIRONMENT, cwd=ROOT, encoding="utf-8", timeout=120, echo=False
    ) as terminal:
        terminal.expect_exact(PROMPT)
        yield terminal
        terminal.sendeof()
        terminal.expect(pexpect.EOF)
    assert terminal.exitstatus == 0


def shown(terminal, *lines):
    """What is shown after these lines were typed, up to the next prompt."""
    for line in lines[:-1]:
        terminal.sendline(line)
        terminal.expect_exact("... ")
    terminal.sendline(lines[-1])
    terminal.expect_exact(PROMPT)
    return terminal.before.replace("\r", "").strip()


def reply(http, *turns, system=None):
    """What the server answers to these turns, the user's first, with seed 7 and the Cog API's defaults."""
    messages = [{"role": "assistant" if number % 2 else "user", "content": turn} for number, turn in enumerate(turns)]
    instructions = [{"role": "system", "content": system}] if system else []
    sampling = {"temperature": 0.6, "top_p": 0.9, "top_k": 50, "seed": 7}
    request = {"model": "granite-demo", "messages": instructions + messages, **sampling}
    return http.post("/v1/chat/completions", json=request).json()["choices"][0]["message"]["content"].strip()


def test_a_conversation_is_what_the_api_answers(terminal, http):
    """Seed, history, system prompt and several lines reach the server; what is no command is one sentence."""
    assert shown(terminal, "/seed 7") == ""
    first = shown(terminal, HELLO)
    assert first == reply(http, HELLO)
    assert shown(terminal, AGAIN) == reply(http, HELLO, first, AGAIN)
    assert shown(terminal, "/reset") == ""
    assert shown(terminal, "/system You are a pirate.") == ""
    assert shown(terminal, '"""Say', 'hello."""') == reply(http, "Say\nhello.", system="You are a pirate.")
    assert shown(terminal, "/sed 7") == "`/sed` is unknown; see /help."
    assert shown(terminal, "/seed seven") == "`/seed` takes another value; see /help."
    assert shown(terminal, "/help") == chat.HELP


def test_thinking_and_what_the_server_refuses(terminal):
    assert shown(terminal, "/thinking") == "Thinking is on."
    assert shown(terminal, "/system Be brief.") == ""
    assert shown(terminal, HELLO) == (
        "`thinking` cannot be combined with a system message; Granite was trained for one at a time."
    )
    assert shown(terminal, "/thinking") == "Thinking is off."


def test_the_arrow_keys_bring_back_what_was_typed(terminal):
    shown(terminal, "/seed 7")
    first = shown(terminal, HELLO)
    shown(terminal, "/reset")
    up = "\x1b[A"
    terminal.send(up + up)
    terminal.sendline()
    terminal.expect_exact(PROMPT)
    assert first in terminal.before.replace("\r", "")


def test_ctrl_c_stops_an_answer_and_not_the_chat(terminal):
    shown(terminal, "/seed 7")
    terminal.sendline("Tell a very long story about a river, in many chapters.")
    terminal.expect_exact("e")
    terminal.sendintr()
    terminal.expect_exact("[stopped]")
    terminal.expect_exact(PROMPT)
    terminal.sendintr()
    terminal.expect_exact("Type /quit or press Ctrl-D to leave.")
    terminal.expect_exact(PROMPT)
    assert shown(terminal, "Hi") != ""


@pytest.fixture
def pipe():
    """Run script/chat on a pipe, to its end."""

    def run(text, *arguments, **variables):
        return subprocess.run(
            ["script/chat", *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=300,
            env=ENVIRONMENT | variables,
            cwd=ROOT,
        )

    return run


def test_a_pipe_is_one_message(pipe, http):
    def answered():
        counts = re.findall(r"^vllm:request_success_total\{.*\} (\S+)$", http.get("/metrics").text, re.MULTILINE)
        return sum(map(float, counts))

    before = answered()
    ran = pipe("What is the\ncapital of France?\n", "--url", str(http.base_url))
    assert (ran.returncode, ran.stderr, ran.stdout.strip() != "") == (0, "", True)
    assert answered() == before + 1


def test_a_wrong_key_or_address_is_one_sentence(pipe, http):
    ran = pipe("Hi", "--url", str(http.base_url), OPENAI_API_KEY="wrong")
    sentence = "The API key is missing or wrong; send it as `Authorization: Bearer KEY`.\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", sentence)
    ran = pipe("Hi", "--url", "127.0.0.1:9")
    assert (ran.returncode, ran.stdout, ran.stderr) == (
        1,
        "",
        "http://127.0.0.1:9/v1 does not answer as an OpenAI API (APIConnectionError).\n",
    )


def test_an_empty_pipe_starts_no_server(pipe):
    ran = pipe(" \n")
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", "The piped message is empty.\n")


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (httpx2.Response(502, text="<html>"), "InternalServerError"),
        (httpx2.Response(404, json={"detail": "Not Found"}), "NotFoundError"),
        (httpx2.Response(200, text="<html>"), "AttributeError"),
    ],
)
def test_what_is_not_an_openai_api_is_one_sentence(monkeypatch, response, kind):
    monkeypatch.setattr("httpx2.HTTPTransport.handle_request", lambda self, request: response)
    with pytest.raises(InvalidInput) as caught:
        chat.Chat("server")
    assert str(caught.value) == f"http://server/v1 does not answer as an OpenAI API ({kind})."


def test_without_an_address_it_starts_a_server_and_stops_it(pipe):
    ran = pipe("What is the capital of France?")
    assert (ran.returncode, ran.stdout.strip() != "") == (0, True), ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("Ready after ")
