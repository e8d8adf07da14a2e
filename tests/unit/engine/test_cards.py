"""What vLLM does on each card."""

import json
from pathlib import Path

import pytest

from granite.engine.cards import CARDS, PER_CHANNEL, Card, find
from granite.errors import InvalidInput


def test_a_card_is_found_in_any_case():
    assert find("l40s") == find("L40S") == Card("L40S", memory=47_695_611_822, bandwidth=864 * 10**9, capability=(8, 9))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("L40", "There is no card L40; did you mean `L40S`?"),
        ("rtx4090", "There is no card rtx4090; did you mean `4090`?"),
        ("", 'There is no card ""; choose one of L4, 4090, A100-40, A100-80, L40S, H100, H200, B200.'),
    ],
)
def test_an_unknown_card_is_one_sentence(name, sentence):
    with pytest.raises(InvalidInput) as caught:
        find(name)
    assert str(caught.value) == sentence


def test_what_runs_there():
    chosen = {card.name: (card.attention, card.batch_tokens, card.fp8, card.fp8_cache[0]) for card in CARDS}
    small = ("FLASH_ATTN", 2048, "fp8_per_channel", "no")
    ampere = ("FLASH_ATTN", 2048, "fp8_per_tensor", "no")
    hopper = ("FLASH_ATTN", 8192, "fp8_per_channel", "yes")
    assert chosen == {
        "L4": small,
        "4090": small,
        "A100-40": ampere,
        "A100-80": ampere,
        "L40S": small,
        "H100": hopper,
        "H200": hopper,
        "B200": ("TRITON_ATTN", 16384, "fp8_per_channel", "untried"),
    }


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_vllm_says_so(card):
    """`tests/server/test_cards.py` holds the table against vLLM's CUDA build."""
    table = json.loads(Path("tests/data/cards.json").read_text())[card.name]
    assert table[""]["attention"].split()[0] == card.attention
    assert table[""]["max_num_batched_tokens"] == card.batch_tokens
    assert ("error" in table[f"QUANTIZATION={PER_CHANNEL}"]) == (card.fp8 != PER_CHANNEL)


@pytest.mark.parametrize(
    ("card", "quantization", "sentence"),
    [
        (
            "A100-80",
            "fp8_per_channel",
            "--quantization fp8_per_channel needs compute capability 8.9, and an A100-80 has 8.0; use fp8_per_tensor.",
        ),
        ("L4", "fp8_per_chanel", "--quantization fp8_per_chanel is not in this plan; did you mean `fp8_per_channel`?"),
        ("L4", "awq", "--quantization awq is not in this plan; use fp8_per_channel or fp8_per_tensor."),
    ],
)
def test_a_quantization_that_does_not_work_is_one_sentence(card, quantization, sentence):
    with pytest.raises(InvalidInput) as caught:
        find(card).check(quantization)
    assert str(caught.value) == sentence
