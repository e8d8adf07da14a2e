"""Many streams of the Cog API at once: how fast, how evenly, and what it costs."""

import asyncio
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx2
import psutil

from granite.engine.cards import Card
from granite.engine.memory import Budget
from granite.gpu_check.calls import TIMEOUT, Calls
from granite.gpu_check.checks import Failure, Figures, Skipped


@dataclass
class Stream:
    sent: float = 0
    chunks: list[float] = field(default_factory=list)
    """When each came."""
    refused: int = 0
    prompt_tokens: int = 0


def load(calls: Calls, streams: int, tokens: int, card: Card | None) -> Figures:
    """`tokens`: of each answer."""
    if streams > calls.slots:
        raise Skipped(f"COG_MAX_CONCURRENCY is {calls.slots}")
    preempted, busy, began = calls.metric("vllm:num_preemptions_total"), _processor(calls), time.monotonic()
    done = asyncio.run(_all(calls, streams, tokens))
    seconds = time.monotonic() - began
    used = {name: now - busy[name] for name, now in _processor(calls).items()}
    first = [stream.chunks[0] - stream.sent for stream in done]
    gaps = [after - before for each in done for before, after in zip(each.chunks, each.chunks[1:], strict=False)]
    figures: Figures = {
        "tokens_per_s": round(streams * tokens / seconds, 1),
        "first_ms_p50": _milliseconds(first, 0.5),
        "first_ms_p99": _milliseconds(first, 0.99),
        "gap_ms_p50": _milliseconds(gaps, 0.5),
        "gap_ms_p99": _milliseconds(gaps, 0.99),
        "preemptions": int(calls.metric("vllm:num_preemptions_total") - preempted),
        "front_end_cores": round(used["front_end"] / seconds, 2),
        "engine_cores": round(used["engine"] / seconds, 2),
        "check_cores": round(used["check"] / seconds, 2),
        "chunks": sum(len(stream.chunks) for stream in done),
        "refused_409": sum(stream.refused for stream in done),
    }
    if card:
        most = bound(calls, streams, done[0].prompt_tokens + tokens // 2, card)
        figures = {"bound_share": round(streams * tokens / seconds / most, 3), **figures}
    return figures


def bound(calls: Calls, streams: int, context: int, card: Card) -> float:
    """Tokens per second at most, by the memory's bandwidth in NVIDIA's data sheet."""
    gpus = calls.engine_args.get("tensor_parallel_size", 1)
    return Budget(card.memory, calls.server.variables.get("QUANTIZATION"), gpus).rate(card.bandwidth, streams, context)


async def _all(calls: Calls, streams: int, tokens: int) -> list[Stream]:
    async with httpx2.AsyncClient(trust_env=False, timeout=TIMEOUT, limits=httpx2.Limits()) as client:
        each = (_stream(client, calls.server.url, number, tokens) for number in range(streams))
        return list(await asyncio.gather(*each))


async def _stream(client: httpx2.AsyncClient, url: str, number: int, tokens: int) -> Stream:
    """Raises Failure."""
    inputs = {"prompt": f"Tell story {number}.", "seed": number, "max_tokens": tokens, "min_tokens": tokens}
    stream, data = Stream(time.monotonic()), ""
    headers = {"Accept": "text/event-stream"}
    while not data:
        request = client.stream("POST", f"{url}/predictions", json={"input": inputs}, headers=headers)
        async with request as response:
            if response.status_code == 409:  # see Calls.predict
                stream.refused += 1
                continue
            async for line in response.aiter_lines():
                if line == "event: output":
                    stream.chunks.append(time.monotonic())
                elif line.startswith("data: "):
                    data = line
            if not data:
                raise Failure(f"The Cog API answered {response.status_code} without a stream.")
    prediction = json.loads(data.removeprefix("data: "))
    metrics = prediction.get("metrics") or {}
    if not stream.chunks or metrics.get("output_token_count") != tokens:
        raise Failure(f"A stream ended early: {prediction.get('error') or prediction.get('status')}")
    stream.prompt_tokens = metrics["input_token_count"]
    return stream


def _processor(calls: Calls) -> dict[str, float]:
    """Seconds of processor time so far: of the server's front end, of its engine, and of this process."""
    own = psutil.Process(calls.server.pid)
    seconds = {"front_end": 0.0, "engine": 0.0, "check": sum(psutil.Process().cpu_times()[:2])}
    for process in (own, *own.children(recursive=True)):
        kind = "engine" if process.name().startswith("VLLM") else "front_end"
        seconds[kind] += sum(process.cpu_times()[:2])
    return seconds


def _milliseconds(seconds: Sequence[float], share: float) -> float:
    return round(percentile(seconds, share) * 1000, 1) if seconds else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The lowest value that at least this share of them does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]
