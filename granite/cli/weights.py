"""`script/weights demo | download | verify`: make, download or check a directory of model files.

The last line on stdout is the directory, so that `COG_WEIGHTS=$(script/weights demo) script/serve` works. Progress and
errors go to stderr. Exit 0: the directory holds a whole checkpoint. Exit 1: it does not, and stderr says why.
"""

import argparse
import os
import sys
from pathlib import Path

from granite.cli import environment
from granite.errors import OperatorError

WEIGHTS = environment.ROOT / "weights"


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/weights",
        description="Fill and check a directory of model files. The last line on stdout is the directory.",
    )
    commands = parser.add_subparsers(required=True, dest="command", metavar="demo | download | verify")

    text = "Make the demo weights: a small real model in Granite's architecture. Needs neither a GPU nor a network."
    demo = commands.add_parser("demo", help=text, description=text)
    demo.add_argument("--to", type=Path, metavar="DIR", help="default: below $XDG_CACHE_HOME/granite-cog")

    text = "Download what is missing of a model from Hugging Face. Reads HF_TOKEN and HF_ENDPOINT."
    download = commands.add_parser("download", help=text, description=text)
    repo = "ibm-granite/granite-3.3-8b-instruct"
    download.add_argument("--repo", default=repo, metavar="OWNER/NAME", help="default: %(default)s")
    download.add_argument("--revision", default="main", help="a commit, tag or branch; default: %(default)s")
    download.add_argument("--to", type=Path, metavar="DIR", default=WEIGHTS, help="default: weights/")

    text = "Check that config.json, tokenizer.json and every shard exist and are whole. Reads only headers."
    verify = commands.add_parser("verify", help=text, description=text)
    verify.add_argument("to", type=Path, nargs="?", metavar="DIR", default=WEIGHTS, help="default: weights/")
    return parser


def main() -> int:
    arguments = parser().parse_args()
    environment.enter()
    if arguments.command == "download":
        os.environ["HF_HUB_OFFLINE"] = "0"  # an image says 1, for serving; read on import
    from granite.model import checkpoint, demo, download

    try:
        directory = (arguments.to or demo.directory()).absolute()
        if arguments.command == "demo":
            demo.write(environment.say, directory)
        if arguments.command == "download":
            endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
            download.download(arguments.repo, arguments.revision, directory, endpoint, environment.say)
        checkpoint.check(directory)
    except OperatorError as error:
        environment.say(str(error))
        return 1
    print(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
