"""`script/plan`, on a bare Python, and the numbers of docs/gpu.md."""

import subprocess
import sys

import pytest

from granite.cli import plan
from granite.cli.environment import ROOT
from granite.engine.cards import find
from granite.engine.memory import Budget
from granite.settings import Settings

DOCS = (ROOT / "docs/gpu.md").read_text(encoding="utf-8")

L4 = """\
L4

memory                     22.03 GiB  as CUDA reports it
vLLM's share               20.27 GiB  92%, its gpu_memory_utilization
weights                     7.80 GiB  8,170,864,640 parameters, fp8_per_channel
activations, graphs         2.00 GiB  an allowance; vLLM measures it at start
KV cache                   10.47 GiB  what is left
tokens of cache               68,616  163,840 bytes each
longest context               68,616  tokens, of the model's 131,072
slots                             34  requests of 2,000 tokens at once, prompt and answer
one answer                        34  tokens/s at most: 300 GB/s to read weights and cache
all slots                        523  tokens/s at most, together
max_num_seqs                      68  and watermark 0.05: more would be preempted
batch tokens                   2,048  vLLM's max_num_batched_tokens for this card
attention                 FLASH_ATTN  compute capability 8.9
FP8 weights          fp8_per_channel  weights and activations (W8A8)
FP8 cache                         no  FlashAttention cannot read one before Hopper
"""


def run(*arguments):
    """Nothing is installed for it."""
    bare = {"PATH": "/usr/bin:/bin", "PYTHON": sys._base_executable, "PYTHONNOUSERSITE": "1"}
    return subprocess.run([ROOT / "script/plan", *arguments], capture_output=True, text=True, env=bare)


def test_one_card():
    ran = run("--gpu", "l4", "--quantization", "fp8_per_channel", "--context", "2000")
    assert (ran.stdout, ran.stderr, ran.returncode) == (L4, "", 0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--gpu", "H10"], "There is no card H10; did you mean `H100`?"),
        (
            ["--gpu", "L4", "--context", "19977"],
            "--context 19977 does not fit: L4 has room for 19976 tokens with bf16 weights; lower it, or choose a card with "
            "more memory.",
        ),
        (["--context", "131073"], "--context 131073 must be from 1 to 131072."),
        (["--gpu", "L4", "--gpus", "3"], "--gpus 3 must be 1, 2, 4 or 8."),
        (["--gpus", "2"], "--gpus and --quantization need --gpu."),
    ],
)
def test_a_mistake_is_one_sentence(arguments, sentence):
    ran = run(*arguments)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("", f"{sentence}\n", 2)


def test_a_card_without_room_for_the_context_has_no_speed():
    assert plan.table(60_000).splitlines()[1].split()[5:8] == ["0", "–", "–"]


def test_the_slots_are_the_settings_default():
    assert Settings.model_fields["cog_max_concurrency"].default == plan.SLOTS


def test_the_docs_show_the_table():
    assert f"\n```\n$ script/plan\n{run().stdout}```\n" in DOCS


@pytest.mark.parametrize("name", ["L4", "H100"])
def test_the_docs_count_the_tokens_of_two_gpus(name):
    memory = find(name).memory
    one, two = Budget(memory).tokens, Budget(memory, gpus=2).tokens
    assert f"| 1 × {name} | {one:,} | – |\n| 2 × {name} | 2 × {one:,} | {two:,}: " in DOCS
