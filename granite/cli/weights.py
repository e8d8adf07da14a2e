"""`script/weights demo | download | verify`: make, download or check a directory of model files.

The last line on stdout is the directory, so that `COG_WEIGHTS=$(script/weights demo) script/serve` works. Progress and
errors go to stderr. Exit 0: the directory holds a whole checkpoint. Exit 1: it does not, and stderr says why.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from granite.cli import environment
from granite.errors import OperatorError

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
REPO = "ibm-granite/granite-3.3-8b-instruct"


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    environment.enter()
    command: Callable[[argparse.Namespace], Path] = arguments.command
    try:
        directory = command(arguments)
    except OperatorError as error:
        report(str(error))
        return 1
    except KeyboardInterrupt:
        report("Stopped; run the same command again to continue.")
        return 130
    print(directory)
    return 0


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
    one.add_argument("--to", type=Path, metavar="DIR", help="default: below $XDG_CACHE_HOME/granite-cog")
    one.set_defaults(command=demo)

    one = commands.add_parser(
        "download",
        help="download Granite from Hugging Face",
        description="Download a model from Hugging Face; a second run downloads only what is missing. Set HF_TOKEN for a "
        "private repository, HF_ENDPOINT for another server.",
    )
    one.add_argument("--repo", default=REPO, metavar="OWNER/NAME", help="default: %(default)s")
    one.add_argument("--revision", default="main", metavar="REV", help="a commit, tag or branch; default: %(default)s")
    one.add_argument("--to", type=Path, metavar="DIR", default=WEIGHTS, help="default: weights/")
    one.set_defaults(command=download)

    one = commands.add_parser(
        "verify",
        help="check that a directory holds a whole checkpoint",
        description="Check that config.json, tokenizer.json and every shard exist and are whole. Reads only headers.",
    )
    one.add_argument("directory", type=Path, nargs="?", metavar="DIR", default=WEIGHTS, help="default: weights/")
    one.set_defaults(command=verify)
    return top


def report(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


# These import what only the environment has.


def demo(arguments: argparse.Namespace) -> Path:
    from granite.model.demo import write

    return write(report, arguments.to)


def download(arguments: argparse.Namespace) -> Path:
    from granite.model import checkpoint
    from granite.model.download import download as fetch

    directory: Path = arguments.to.absolute()
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    fetch(arguments.repo, arguments.revision, directory, endpoint, report)
    checkpoint.check(directory)
    return directory


def verify(arguments: argparse.Namespace) -> Path:
    from granite.model import checkpoint

    directory: Path = arguments.directory.absolute()
    checkpoint.check(directory)
    return directory


if __name__ == "__main__":
    sys.exit(main())
