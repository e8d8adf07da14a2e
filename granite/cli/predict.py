"""script/predict: one answer through the real Cog server, streamed."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from granite import hardware
from granite.cli import client, contract, environment, inputs
from granite.cli.sentence import sentence
from granite.errors import GraniteError

EXIT_FAILED, EXIT_USAGE = 1, 2


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/predict",
        description="Start the real Cog server, stream the answer to stdout, print the metrics on stderr, stop the "
        "server. Installs what it needs when it first runs. Exit 0 only if the prediction succeeded.",
        epilog='Examples: script/predict "What is granite?" -i seed=1 · script/predict --json @request.json --prediction',
    )
    parser.add_argument("prompt", nargs="?", help="what to ask; the same as -i prompt=…")
    parser.add_argument(
        "-i",
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any input; repeat a name for a list; @FILE takes a file's text",
    )
    parser.add_argument("--json", metavar="JSON", help="all inputs as a JSON object, @FILE, or @- for stdin")
    parser.add_argument("--prediction", action="store_true", help="print the final prediction object, as JSON, instead")
    parser.add_argument("--logs", action="store_true", help="print the prediction's logs on stderr, too")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    pairs = [*([f"prompt={arguments.prompt}"] if arguments.prompt is not None else []), *arguments.input]
    if not pairs and arguments.json is None:
        parser().print_usage(sys.stderr)
        print('Nothing to ask: give a prompt, such as script/predict "What is granite?"', file=sys.stderr)
        return EXIT_USAGE
    # What stdin held would be gone when this process starts over in the environment.
    if arguments.json == "@-" or any(pair.endswith("=@-") for pair in pairs):
        environment.enter()
    try:
        asked = inputs.read(pairs, arguments.json, contract.input_properties())
    except inputs.InputError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    environment.enter()
    try:
        return _predict(asked, arguments)
    except (GraniteError, client.Refused) as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:
        # The reader has seen enough; without this Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _predict(asked: dict[str, Any], arguments: argparse.Namespace) -> int:
    from granite.cli.progress import Progress
    from granite.cli.server import Server

    with Server(_first_answer_soonest()) as server:
        with Progress() as progress:
            server.wait(progress.show)
        print(f"Ready after {progress.seconds:.0f} s.", file=sys.stderr)
        prediction = _stream(server.url, asked, arguments)
    if arguments.prediction:
        print(json.dumps(prediction, indent=2, ensure_ascii=False))
    print(_summary(prediction), file=sys.stderr)
    return 0 if prediction["status"] == "succeeded" else EXIT_FAILED


def _first_answer_soonest() -> dict[str, str]:
    """On a CPU compiling the model takes longer than a single answer can win back."""
    if hardware.has_gpu():
        return {}
    from granite.settings import Settings

    return {"ENGINE_ARGS": json.dumps({"enforce_eager": True, **Settings.from_environment().engine_args})}


def _stream(url: str, asked: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    chunks: list[str] = []
    prediction: dict[str, Any] = {"status": "failed", "error": "The server dropped the connection."}
    # Closed before the server is stopped, whatever happens here: Cog waits for open responses.
    with contextlib.closing(client.events(url, asked)) as events:
        for event, data in events:
            if event == "output":
                chunks.append(data["chunk"])
                if not arguments.prediction:
                    print(data["chunk"], end="", flush=True)
            elif event == "log" and arguments.logs:
                print(data["data"], end="", file=sys.stderr)
            elif event == "completed":
                prediction = data
    if chunks and not arguments.prediction:
        print()
    return {**prediction, "input": asked, "output": chunks}


def _summary(prediction: dict[str, Any]) -> str:
    if prediction["status"] != "succeeded":
        return sentence(prediction.get("error") or f"The prediction ended as {prediction['status']}.")
    metrics = prediction["metrics"]
    speed = f", {metrics['tokens_per_second']:.1f} tokens/s" if "tokens_per_second" in metrics else ""
    return (
        f"{metrics['input_token_count']} tokens in, {metrics['output_token_count']} out, "
        f"first after {metrics['time_to_first_token']:.2f} s{speed}, finish_reason {metrics['finish_reason']}, "
        f"{metrics['predict_time']:.2f} s in all"
    )


if __name__ == "__main__":
    sys.exit(main())
