"""`script/predict`: one answer from a real Cog server, streamed."""

import argparse
import contextlib
import json
import os
import sys
from typing import Any

from granite.cli import environment, inputs, schema
from granite.errors import GraniteError, InvalidInput
from granite.serving.health import without_prefix


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
        schemas = schema.inputs(schema.PREDICT.read_text())
        request = inputs.read(pairs, arguments.json, schemas)
        if not (request.get("prompt") or request.keys() & {"messages", "suffix"}):
            raise InvalidInput('The prompt is empty; give one, such as script/predict "What is granite?"')
        environment.enter()
        prediction = _predict(request, arguments)
        if arguments.prediction:
            print(json.dumps(prediction, indent=2, ensure_ascii=False))
        environment.say(_summary(prediction))
        return int(prediction["status"] != "succeeded")
    except GraniteError as error:
        environment.say(str(error))
        return 2 if isinstance(error, InvalidInput) else 1
    except BrokenPipeError:
        # The reader has seen enough. Without this, Python complains again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _predict(request: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    from granite.cli.client import events
    from granite.cli.own_server import ready

    chunks: list[str] = []
    # The stream is closed before the server is stopped, whatever happens here: Cog waits for open responses.
    with ready() as server, contextlib.closing(events(server.url, request)) as stream:
        for event, data in stream:
            if event == "output":
                chunks.append(data["chunk"])
                if not arguments.prediction:
                    print(data["chunk"], end="", flush=True)
            elif event == "log" and arguments.logs:
                print(data["data"], end="", file=sys.stderr)
    if chunks and not arguments.prediction:
        print()
    return {**data, "input": request, "output": chunks}


def _summary(prediction: dict[str, Any]) -> str:
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
