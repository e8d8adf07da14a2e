"""`script/predict`: one answer from a real Cog server, streamed."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from typing import Any

from granite import hardware
from granite.cli import environment, inputs, schema
from granite.errors import GraniteError

EXIT_FAILED, EXIT_USAGE = 1, 2


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/predict",
        description="Start a Cog server, stream the answer to stdout, print the metrics on stderr, stop the server. The "
        "first run installs what it needs. Exit 0 only if the prediction succeeded.",
        epilog='Examples: script/predict "What is granite?" -i seed=1 · script/predict --json @request.json --prediction',
    )
    parser.add_argument("prompt", nargs="?", help="the prompt; the same as -i prompt=…")
    text = "any input; repeat a name for a list; @FILE takes a file's text"
    parser.add_argument("-i", "--input", action="append", default=[], metavar="NAME=VALUE", help=text)
    parser.add_argument("--json", metavar="JSON", help="all inputs as a JSON object, @FILE, or @- for stdin")
    parser.add_argument("--prediction", action="store_true", help="print the finished prediction as JSON instead")
    parser.add_argument("--logs", action="store_true", help="print the prediction's logs on stderr as well")
    return parser


def main() -> int:
    arguments = parser().parse_args()
    pairs = [*([f"prompt={arguments.prompt}"] if arguments.prompt is not None else []), *arguments.input]
    # Entering the environment starts this process over; what it had read from stdin would be lost.
    if arguments.json == "@-" or any(pair.endswith("=@-") for pair in pairs):
        environment.enter()
    try:
        schemas = schema.inputs((environment.ROOT / "predict.py").read_text())
        request = inputs.read(pairs, arguments.json, schemas)
        if not (request.get("prompt") or request.keys() & {"messages", "suffix"}):
            raise inputs.InputError('The prompt is empty; give one, such as script/predict "What is granite?"')
    except GraniteError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    environment.enter()
    try:
        return _predict(request, arguments)
    except GraniteError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    except BrokenPipeError:
        # The reader has seen enough. Without this, Python complains again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _predict(request: dict[str, Any], arguments: argparse.Namespace) -> int:
    from granite.cli.progress import progress
    from granite.cli.server import Server

    began = time.monotonic()
    with Server(_eager()) as server:
        with progress() as show:
            server.wait(show)
        print(f"Ready after {time.monotonic() - began:.0f} s.", file=sys.stderr)
        prediction = _stream(server.url, request, arguments)
    if arguments.prediction:
        print(json.dumps(prediction, indent=2, ensure_ascii=False))
    print(_summary(prediction), file=sys.stderr)
    return 0 if prediction["status"] == "succeeded" else EXIT_FAILED


def _eager() -> dict[str, str]:
    """On a CPU, compiling the model takes longer than one answer can gain from it."""
    if hardware.has_gpu():
        return {}
    from granite.settings import Settings

    return {"ENGINE_ARGS": json.dumps({"enforce_eager": True, **Settings.from_environment().engine_args})}


def _stream(url: str, request: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    from granite.cli import client

    chunks: list[str] = []
    prediction: dict[str, Any] = {"status": "failed", "error": "The server dropped the connection."}
    # Closed before the server is stopped, whatever happens here: Cog waits for open responses.
    with contextlib.closing(client.events(url, request)) as events:
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
    return {**prediction, "input": request, "output": chunks}


def _summary(prediction: dict[str, Any]) -> str:
    from granite.serving.health import without_prefix

    if prediction["status"] != "succeeded":
        return without_prefix(prediction.get("error") or f"The prediction ended as {prediction['status']}.")
    metrics = prediction["metrics"]
    speed = f", {metrics['tokens_per_second']:.1f} tokens/s" if "tokens_per_second" in metrics else ""
    return (
        f"{metrics['input_token_count']} tokens in, {metrics['output_token_count']} out, "
        f"first after {metrics['time_to_first_token']:.2f} s{speed}, finish_reason {metrics['finish_reason']}, "
        f"{metrics['predict_time']:.2f} s in all"
    )


if __name__ == "__main__":
    sys.exit(main())
