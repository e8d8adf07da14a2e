"""script/schema: prints a predictor's OpenAPI schema as Cog writes it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from granite.cli import contract, environment
from granite.schema import Reading, SchemaError, read

_EPILOG = """\
The schema is one line, byte for byte what `cog build` writes; `| python3 -m json.tool` makes it readable. Imported
models are looked for from the nearest folder above FILE that holds a cog.yaml, else from FILE's own.

exit codes: 0 nothing is lost; 1 something is, and stands on stderr as FILE:LINE: sentence, though the schema is still
printed; 2 Cog refuses the predictor, or there is no such file or class."""


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the schema and writes ours, names on stderr what Cog drops, and returns the exit code."""
    target = _parser().parse_args(argv).target
    file, _, name = (target or f"{environment.ROOT / 'predict.py'}:Predictor").rpartition(":")
    try:
        reading = _read(Path(file), name)
        _print(reading)
        if target is None:
            contract.write(reading)
    except (SchemaError, RecursionError) as error:
        print(f"{file}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or file}: {(error.strerror or str(error)).lower()}", file=sys.stderr)
        return 2
    for dropped in reading.dropped:
        print(f"{dropped.file or file}:{dropped.line}: {dropped.what}", file=sys.stderr)
    return 1 if reading.dropped else 0


def _print(reading: Reading) -> None:
    try:
        sys.stdout.buffer.write(f"{reading.json()}\n".encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader has seen enough; without this Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/schema",
        description="Prints a predictor's OpenAPI schema exactly as Cog writes it, without running the predictor.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "target",
        nargs="?",
        metavar="FILE:Class",
        type=_target,
        help="default: predict.py:Predictor of this project, which is also written to .cog/openapi_schema.json",
    )
    return parser


def _target(text: str) -> str:
    file, colon, name = text.rpartition(":")
    if not (file and colon and name):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form FILE:Class, such as predict.py:Predictor")
    return text


def _read(file: Path, name: str) -> Reading:
    folder = next((each for each in file.resolve().parents if (each / "cog.yaml").is_file()), file.resolve().parent)
    return read(file.resolve(), name, folder)


if __name__ == "__main__":
    sys.exit(main())
