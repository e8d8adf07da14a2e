"""What a server's log says about its start, by vLLM's own lines. Written against vLLM 0.32."""

import re
from datetime import datetime

from granite.cli.server import PHASES
from granite.gpu_check.checks import Figures

SECONDS = {
    "weights_s": r"Loading weights took ([\d.]+) seconds",
    "model_s": r"Model loading took .+ memory and ([\d.]+) seconds",
    "trace_s": r"Dynamo bytecode transform time: ([\d.]+) s",
    "compile_s": r"torch\.compile (?:took|and initial profiling/warmup run together took) ([\d.]+) s in total",
    "profile_s": r"Initial profiling/warmup run took ([\d.]+) s",
    "triton_s": r"JIT kernel warmup finished in ([\d.]+)s",
    "graphs_s": r"Graph capturing finished in ([\d.]+) secs",
    "engine_s": r"init engine \(profile, create kv cache, warmup model\) took ([\d.]+) s",
}
"""vLLM's stages; engine_s contains those from trace_s on."""

COUNTS = {
    "compiled": r"Compiling a graph for compile range|saved AOT compiled function",
    "loaded": r"Directly load (?:the compiled graph|AOT compilation)",
}
"""What was compiled at this start, and what came from the cache."""

ATTENTION = r"Using (\S+) (?:attention )?backend(?: out of potential backends: \[(.*)\])?\."
CACHE = r"KV cache size: ([\d,]+) tokens, Maximum concurrency for ([\d,]+) tokens per request: ([\d.]+)x"
BATCH = r"Chunked prefill is enabled with max_num_batched_tokens=(\d+)"
MEMORY = {
    "model_gib": r"Model loading took ([\d.]+) GiB",
    "graphs_gib": r"Graph capturing finished .+ took ([\d.]+) GiB",
}

PREFIX = re.compile(r"^(\S+Z) +\w+ coglet\S*: ?(.*?)(?: source=Std(?:out|err))?$")
"""coglet's, around each line: the time, and the line itself."""


def stages(log: str) -> Figures:
    """Seconds of each stage, and when each phase of the start began, in seconds from the first line."""
    found = {name: float(match[1]) for name, pattern in SECONDS.items() if (match := re.search(pattern, log))}
    counts = {name: len(re.findall(pattern, log)) for name, pattern in COUNTS.items()}
    return {**found, **counts, "phases": _phases(log)}


def engine(log: str) -> Figures:
    """What the engine chose. A value is None where the log does not say it."""
    attention, cache, batch = (re.search(pattern, log) for pattern in (ATTENTION, CACHE, BATCH))
    memory = {
        name: match and float(match[1]) for name, pattern in MEMORY.items() for match in [re.search(pattern, log)]
    }
    return {
        "runner": "V2" if "Using V2 Model Runner" in log else "V1",
        "attention": attention and attention[1],
        "context": cache and _number(cache[2]),
        "cache_tokens": cache and _number(cache[1]),
        "whole_contexts": cache and float(cache[3]),
        "batch_tokens": batch and int(batch[1]),
        **memory,
    }


def lines(log: str) -> list[str]:
    """The log without coglet's words around each line."""
    return [match[2] if (match := PREFIX.match(line)) else line for line in log.splitlines()]


def _phases(log: str) -> dict[str, float]:
    timed = [(datetime.fromisoformat(match[1]), match[2]) for line in log.splitlines() if (match := PREFIX.match(line))]
    began: dict[str, float] = {}
    for mark, phase in PHASES:
        if first := next((at for at, line in timed if mark in line), None):
            began[phase] = round((first - timed[0][0]).total_seconds(), 1)
    return began


def _number(text: str) -> int:
    return int(text.replace(",", ""))
