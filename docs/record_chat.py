"""Record docs/chat.svg: a conversation with a real server, as a terminal shows it.

$(script/setup)/bin/python docs/record_chat.py, after `script/test --fast`, which installs pexpect.
"""

import io
from pathlib import Path

import pexpect
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
WIDTH = 96
LINES = (
    "/seed 1",
    "What is the capital of France?",
    "/system You are a pirate.",
    "Where do you keep your gold?",
    "/quit",
)


def main() -> None:
    screen = io.StringIO()
    terminal = pexpect.spawn("script/chat", cwd=ROOT, dimensions=(60, WIDTH), encoding="utf-8", timeout=300)
    terminal.expect_exact(">>> ")
    # The progress is one live line, drawn over itself.
    screen.write("$ script/chat\n" + terminal.before.split("\r")[-2].strip() + "\n")
    for line in LINES:
        screen.write(f">>> {line}\n")
        terminal.sendline(line)
        terminal.expect(">>> " if line != "/quit" else pexpect.EOF)
        screen.write(terminal.before.partition("\n")[2].replace("\r", ""))
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi(screen.getvalue().rstrip()))
    console.save_svg(str(ROOT / "docs" / "chat.svg"), title="script/chat")


if __name__ == "__main__":
    main()
