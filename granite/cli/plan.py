"""`script/plan`: what fits on a GPU and how fast it can be, before anyone rents one. Standard library only."""

import argparse
import sys

from granite.cli import environment
from granite.engine.cards import CARDS, Card, find
from granite.engine.memory import ALLOWANCE, ANSWER, GIB, GRANITE, UTILIZATION, Budget
from granite.errors import InvalidInput

SLOTS = 256
"""The default of COG_MAX_CONCURRENCY."""

GPUS = (1, 2, 4, 8)
"""How many can share one copy of the model: they divide its 8 key and value heads."""

HEADER = ("GPU", "memory", "weights", "cache", "context", "slots", "one", "all", "batch", "attention")

LEGEND = """\
memory: GiB, as CUDA reports it. cache: tokens of KV cache. context: tokens of the longest request.
slots: requests of {context:,} tokens that fit at once. one, all: tokens/s at most, of one answer and of all slots.
batch: vLLM's max_num_batched_tokens."""


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/plan",
        description="Print what fits on a GPU and how fast it can be at most, by arithmetic. Without --gpu: a table of all "
        "cards.",
        epilog="Examples: script/plan --gpu L4 --quantization fp8_per_channel · script/plan --gpu L40S --context 32000",
    )
    parser.add_argument("--gpu", metavar="NAME", help=", ".join(card.name for card in CARDS))
    parser.add_argument("--gpus", metavar="N", type=int, help="2, 4 or 8 GPUs that share one copy of the model")
    parser.add_argument("--quantization", metavar="NAME", help="as in QUANTIZATION; default: bf16 weights")
    text = f"tokens of each request, prompt and answer; default: {ANSWER}"
    parser.add_argument("--context", metavar="TOKENS", type=int, default=ANSWER, help=text)
    return parser


def main() -> int:
    given = parser().parse_args()
    try:
        if not 1 <= given.context <= GRANITE.context:
            raise InvalidInput(f"--context {given.context} must be from 1 to {GRANITE.context}.")
        if given.gpu is not None:
            print(plan(find(given.gpu), 1 if given.gpus is None else given.gpus, given.quantization, given.context))
        elif given.gpus is not None or given.quantization is not None:
            raise InvalidInput("--gpus and --quantization need --gpu.")
        else:
            print(table(given.context))
    except InvalidInput as error:
        environment.say(str(error))
        return 2
    return 0


def plan(card: Card, gpus: int, quantization: str | None, context: int) -> str:
    """One card's arithmetic, line by line. Raises InvalidInput."""
    card.check(quantization)
    if gpus not in GPUS:
        raise InvalidInput(f"--gpus {gpus} must be 1, 2, 4 or 8.")
    budget, name = Budget(card.memory, quantization, gpus), f"{gpus} x {card.name}" if gpus > 1 else card.name
    if context > budget.context:
        raise InvalidInput(
            f"--context {context} does not fit: {name} has room for {budget.context} tokens with "
            f"{quantization or 'bf16'} weights; lower it, or choose a card with more memory."
        )
    slots, limits = budget.answers(context), budget.sequences(SLOTS)
    one, every = (f"{budget.rate(card.bandwidth, count, context):,.0f}" for count in (1, slots))
    reason = f"and watermark {limits['watermark']}: more would be preempted" if limits else "as COG_MAX_CONCURRENCY"
    rows: list[tuple[str, ...]] = [
        ("memory", _gib(card.memory * gpus), "as CUDA reports it"),
        ("vLLM's share", _gib(budget.usable), f"{UTILIZATION:.0%}, its gpu_memory_utilization"),
        ("weights", _gib(budget.weights), f"{GRANITE.parameters:,} parameters, {quantization or 'bf16'}"),
        ("activations, graphs", _gib(ALLOWANCE * gpus), "an allowance; vLLM measures it at start"),
        ("KV cache", _gib(budget.cache), "what is left"),
        ("tokens of cache", f"{budget.tokens:,}", f"{GRANITE.kv_bytes:,} bytes each"),
        ("longest context", f"{budget.context:,}", f"tokens, of the model's {GRANITE.context:,}"),
        ("slots", f"{slots:,}", f"requests of {context:,} tokens at once, prompt and answer"),
        ("one answer", one, f"tokens/s at most: {card.bandwidth * gpus // 10**9:,} GB/s to read weights and cache"),
        ("all slots", every, "tokens/s at most, together"),
        ("max_num_seqs", f"{limits.get('max_num_seqs', SLOTS)}", reason),
        ("batch tokens", f"{card.batch_tokens:,}", "vLLM's max_num_batched_tokens for this card"),
        ("attention", card.attention, f"compute capability {'.'.join(map(str, card.capability))}"),
        ("FP8 weights", card.fp8, card.fp8_weights),
        ("FP8 cache", *card.fp8_cache),
    ]
    lines = [name, "", *_aligned(rows, "<><")]
    if gpus > 1:
        alone = Budget(card.memory, quantization)
        each = f"{gpus} x {alone.tokens:,} tokens of cache, {gpus} x {alone.answers(context):,} slots"
        lines += ["", f"Data parallel instead: {each}."]
    return "\n".join(lines)


def table(context: int) -> str:
    """Every card, with bf16 weights and with FP8 weights."""
    rows: list[tuple[str, ...]] = [HEADER]
    for card in CARDS:
        for quantization in (None, card.fp8):
            budget = Budget(card.memory, quantization)
            slots = budget.answers(context)
            rates = [budget.rate(card.bandwidth, count, context) for count in (1, slots)] if slots else []
            speeds = [f"{rate:,.0f}" for rate in rates] or ["–", "–"]
            sizes = [f"{size:,}" for size in (budget.tokens, budget.context, slots)]
            memory, batch = f"{card.memory / GIB:.2f}", f"{card.batch_tokens:,}"
            rows.append((card.name, memory, quantization or "bf16", *sizes, *speeds, batch, card.attention))
    return "\n".join([*_aligned(rows, "<><>>>>>><"), "", LEGEND.format(context=context)])


def _gib(count: int) -> str:
    return f"{count / GIB:.2f} GiB"


def _aligned(rows: list[tuple[str, ...]], alignments: str) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    columns = list(zip(alignments, widths, strict=True))
    return [
        "  ".join(f"{cell:{side}{width}}" for cell, (side, width) in zip(row, columns, strict=True)).rstrip()
        for row in rows
    ]


if __name__ == "__main__":
    sys.exit(main())
