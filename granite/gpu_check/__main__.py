"""`script/gpu-check`: what this package does on a GPU, as one report."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from granite import hardware
from granite.cli import environment
from granite.errors import GraniteError

NO_GPU = (
    "script/gpu-check needs an NVIDIA GPU and sees none; start the container with --gpus all, or use --cpu to try the "
    "check itself."
)

DUMMY = (
    "What the model writes, and how often it calls tools, thinks and cites in the right form: the weights are random."
)
TRIAL = "Anything about a GPU or about the 8B model: this was a trial on a CPU."
NO_SERVER = "Everything that needs a server: it did not start."


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/gpu-check",
        description="Start the server on this machine's GPU as production does, check what it answers, how fast, and how it "
        "ends, and write one JSON report. It takes about ten minutes. Exit 0 only if no check failed.",
        epilog="Settings are environment variables, as for script/serve. The server and its cache go with the command. "
        "In the image: docker run --rm --gpus all --shm-size 6g -v $PWD:/report IMAGE script/gpu-check --output "
        "/report/gpu-check.json",
    )
    text = "the report (default: %(default)s); in the cache if it cannot be written there"
    parser.add_argument("--output", metavar="FILE", type=Path, default=Path("gpu-check.json"), help=text)
    text = "random weights: COG_WEIGHTS needs the model's config.json and tokenizer, but no weights"
    parser.add_argument("--dummy", action="store_true", help=text)
    text = "do not repeat the main checks with FP8 weights"
    parser.add_argument("--no-fp8", dest="fp8", action="store_false", help=text)
    parser.add_argument("--cpu", action="store_true", help="run without a GPU: a trial of the check itself")
    text = "numbers of concurrent streams (default: 1,32,256)"
    parser.add_argument("--streams", metavar="N,…", type=numbers, default=[1, 32, 256], help=text)
    text = "of each stream; other answers scale with it (default: %(default)s)"
    parser.add_argument("--tokens", metavar="N", type=number, default=256, help=text)
    text = "how often each form of answer is requested, and how many seeds are compared (default: %(default)s)"
    parser.add_argument("--times", metavar="N", type=number, default=8, help=text)
    text = "how many requests run at once where a seed runs among others (default: %(default)s)"
    parser.add_argument("--among", metavar="N", type=number, default=64, help=text)
    return parser


def number(text: str) -> int:
    if int(text) < 1:
        raise ValueError
    return int(text)


def numbers(text: str) -> list[int]:
    return [number(part) for part in text.split(",")]


def main() -> int:
    options = parser().parse_args()
    if not options.cpu and not hardware.has_gpu():
        environment.say(NO_GPU)
        return 2
    environment.enter()
    from granite.gpu_check import host, report, story
    from granite.gpu_check.checks import Checks

    checks = Checks()
    whole: dict[str, Any] = {
        "version": 1,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": sys.argv[1:],
        "package": host.commit(),
        "host": host.facts(),
        "checks": checks.records,
    }
    try:
        story.tell(options, checks)
    except GraniteError as error:  # a setting that no server takes
        environment.say(str(error))
        return 2
    except OSError as error:
        environment.say(f"Cannot write the cache: {error}; set XDG_CACHE_HOME to another directory.")
        return 2
    finally:
        names = {record["name"] for record in checks.records}
        ifs = {DUMMY: options.dummy, TRIAL: options.cpu, NO_SERVER: "engine" not in names}
        skipped = [f"{each['name']}: {each['reason']}." for each in checks.records if each["status"] == "skipped"]
        whole["not_shown"] = [*(text for text, applies in ifs.items() if applies), *skipped]
        written = report.write(whole, options.output)
        print(report.table(checks.records), *whole["not_shown"], sep="\n")
        environment.say(f"The report is {written}.")
    return int(checks.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
