"""tokenizer.json and its companions: SmolLM2's byte-level BPE with Granite's special tokens.

Granite 3.3's own tokenizer is of the same make: digits one by one, then GPT-2's byte-level split.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from granite_common.granite3.granite33.constants import ALL_SPECIAL_TOKENS
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

from granite.model.demo.vocabulary import END_OF_TEXT


def build(ids: dict[str, int], merges: Sequence[str]) -> Tokenizer:
    """`merges` holds pairs joined by one space, as GGUF stores them; `ids` holds the special tokens as well."""
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    # Each is in `ids` already and keeps that id.
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in ALL_SPECIAL_TOKENS])
    return tokenizer


def save(tokenizer: Tokenizer, directory: Path, context_length: int) -> None:
    """Write the tokenizer's files as Hugging Face's AutoTokenizer reads them."""
    tokenizer.save(str(directory / "tokenizer.json"))
    special = {f"{name}_token": END_OF_TEXT for name in ("bos", "eos", "pad", "unk")}
    config = {
        **special,
        "add_bos_token": False,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": context_length,
        "padding_side": "left",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (directory / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (directory / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
