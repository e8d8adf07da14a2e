"""A text with a hole: Granite writes what stands between a prompt and a suffix.

Format: the prefix, then the suffix, each after its token, and the model goes on after the third. Source: Bavarian et
al., "Efficient Training of Language Models to Fill in the Middle", 2022, with the tokens of Granite's vocabulary.
"""

from __future__ import annotations

from granite.request.faults import Faults

PREFIX, SUFFIX, MIDDLE = "<fim_prefix>", "<fim_suffix>", "<fim_middle>"
TOKENS = (PREFIX, SUFFIX, MIDDLE, "<fim_pad>")


def check(faults: Faults, prompt: str, suffix: str) -> None:
    if not prompt and not suffix:
        faults.add("prompt", "prompt and suffix are both empty: give the text before the hole or the one after it.")
    for name, text in (("prompt", prompt), ("suffix", suffix)):
        found = [token for token in TOKENS if token in text]
        if found:
            faults.add(name, f"{name} must not hold {', '.join(found)} beside suffix, which writes it: leave it out.")


def formatted(prompt: str, suffix: str) -> str:
    return f"{PREFIX}{prompt}{SUFFIX}{suffix}{MIDDLE}"
