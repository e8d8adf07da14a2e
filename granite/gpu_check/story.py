"""The order of the checks."""

import os
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from granite import cache
from granite.engine.cards import Card
from granite.gpu_check import answers, ends, host, weights
from granite.gpu_check.checks import Checks, Figures, Skipped
from granite.gpu_check.forms import FORMS, form
from granite.gpu_check.limits import FIELDS, limit
from granite.gpu_check.load import load
from granite.gpu_check.running import Running

TOKENS = 256
"""Of each stream, by default."""


def tell(options: Namespace, checks: Checks) -> None:
    """Every check, with a cache of their own: on the disk of the real one, empty at first, removed at the end."""
    gpus = host.gpus()
    card = host.card(gpus[0]["name"]) if gpus else None
    cache.directory().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gpu-check-", dir=cache.directory()) as directory:
        variables = weights.dummy(Path(directory)) if options.dummy else {}
        with Running(checks, variables, Path(directory)) as server:
            # The first server's engine is the one to kill: so no check needs a start of its own.
            if not server.start("start cold"):
                return
            server.check("killed engine", ends.killed)
            if not server.start("start warm"):
                return
            server.check("engine", server.engine)
            _answers(server, options, [*FORMS])
            _limits(server, options)
            _load(server, options, card)
            server.check("cancel", ends.cancel)
            server.check("SIGTERM", partial(ends.terminated, tokens=options.tokens))
            if checks.run("FP8", partial(_fp8, options, gpus)) and server.start(
                "start FP8", QUANTIZATION=checks.records[-1]["figures"]["QUANTIZATION"]
            ):
                server.check("engine FP8", server.engine)
                _answers(server, options, ["json"], " FP8")
                _load(server, options, card, " FP8")


def _answers(server: Running, options: Namespace, forms: Sequence[str], suffix: str = "") -> None:
    server.check(f"page greedy{suffix}", partial(answers.page, tokens=min(options.tokens, 128)))
    for name in forms:
        each = partial(form, name=name, times=options.times, scale=options.tokens / TOKENS)
        server.check(f"{name}{suffix}", each)


def _limits(server: Running, options: Namespace) -> None:
    short = min(options.tokens, 32)
    server.check("seeds", partial(answers.seeds, times=options.times, among=options.among, tokens=short))
    for check in (answers.logprobs, answers.penalties, answers.adapters):
        server.check(check.__name__, partial(check, tokens=short))
    server.check("context", answers.context)
    for field in FIELDS:
        server.check(f"limit {field}", partial(limit, field=field))


def _load(server: Running, options: Namespace, card: Card | None, suffix: str = "") -> None:
    for streams in options.streams:
        server.check(f"load {streams}{suffix}", partial(load, streams=streams, tokens=options.tokens, card=card))


def _fp8(options: Namespace, gpus: Sequence[dict[str, str]]) -> Figures:
    """What to set for it. Raises Skipped."""
    if not options.fp8:
        raise Skipped("--no-fp8")
    if set_already := os.environ.get("QUANTIZATION"):
        raise Skipped(f"QUANTIZATION is {set_already} already")
    if not gpus:
        raise Skipped("nvidia-smi shows no GPU")
    return {"QUANTIZATION": host.fp8(gpus[0]["compute_cap"])}
