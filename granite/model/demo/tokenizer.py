"""tokenizer.json and tokenizer_config.json: SmolLM2's byte-level BPE with Granite's special tokens.

Granite 3.3's own tokenizer has the same parts: digits one by one, then GPT-2's byte-level split.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

from granite.model.demo.vocabulary import END_OF_TEXT, SPECIAL_TOKENS


def save(ids: dict[str, int], merges: Sequence[str], directory: Path) -> None:
    """`ids` includes the special tokens; `merges` are pairs joined by one space, as GGUF stores them."""
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    # Each is in `ids` already and keeps that id.
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIAL_TOKENS])
    tokenizer.save(str(directory / "tokenizer.json"))
    config = {
        **{f"{name}_token": END_OF_TEXT for name in ("bos", "eos", "pad", "unk")},
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (directory / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
