"""`script/weights demo | download | verify`: make, fetch or check a directory of model files.

The last line on stdout is the directory, so that `COG_WEIGHTS=$(script/weights demo) script/serve` works. Progress and
errors go to stderr. Exit 0: the directory is whole. Exit 1: it is not, and stderr says why, one sentence per fault.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from granite.errors import OperatorError
from granite.model import checkpoint

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
REPO = "ibm-granite/granite-3.3-8b-instruct"


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    from granite.cli import environment

    environment.enter()
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except OperatorError as error:
        report(str(error))
        return 1
    except KeyboardInterrupt:
        report("Stopped; run the same command again to go on.")
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="script/weights",
        description="Fill and check the directory of model files. The last line on stdout is the directory.",
    )
    commands = top.add_subparsers(required=True, metavar="demo | download | verify")

    one = commands.add_parser(
        "demo",
        help="make the demo weights: a small real model in Granite's architecture",
        description="Make the demo weights: SmolLM2-135M-Instruct in Granite's architecture, prompt format and token ids. "
        "Needs neither a GPU nor a network, takes seconds, and does nothing if they are there.",
    )
    one.add_argument("--form", choices=("exact", "int8"), help="default: what this CPU serves faster")
    one.add_argument("--to", type=Path, metavar="DIR", help="default: below $XDG_CACHE_HOME/granite-cog")
    one.set_defaults(command=demo)

    one = commands.add_parser(
        "download",
        help="fetch Granite from Hugging Face",
        description="Fetch a model from Hugging Face; run again, it fetches only what is missing. HF_TOKEN opens private "
        "repositories, HF_ENDPOINT names another server.",
    )
    one.add_argument("--repo", default=REPO, metavar="OWNER/NAME", help="default: %(default)s")
    one.add_argument("--revision", default="main", metavar="REV", help="a commit, tag or branch; default: %(default)s")
    one.add_argument("--to", type=Path, metavar="DIR", default=WEIGHTS, help="default: weights/")
    one.set_defaults(command=download)

    one = commands.add_parser(
        "verify",
        help="check that a directory holds a whole checkpoint",
        description="Check that config.json, tokenizer.json and every shard are there and whole. Reads headers only.",
    )
    one.add_argument("directory", type=Path, nargs="?", metavar="DIR", default=WEIGHTS, help="default: weights/")
    one.set_defaults(command=verify)
    return top


def report(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def demo(arguments: argparse.Namespace) -> int:
    from granite.model.demo import Form, fastest_form, write

    if arguments.form is None:
        choice = fastest_form()
        form = choice.form
        report(f"Form: {choice.reason}.")
    else:
        form = Form(arguments.form)
    print(write(arguments.to, form, report))
    return 0


def download(arguments: argparse.Namespace) -> int:
    from granite.model.download import fetch

    directory = arguments.to.absolute()
    fetch(arguments.repo, arguments.revision, directory, report)
    checkpoint.check(directory)
    print(directory)
    return 0


def verify(arguments: argparse.Namespace) -> int:
    directory = arguments.directory.absolute()
    faults = list(checkpoint.faults(directory))
    for fault in faults:
        report(fault)
    if not faults:
        print(directory)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
