"""The two forms of the demo weights, and which one this CPU serves faster."""

import platform
from enum import StrEnum
from typing import NamedTuple

from granite import hardware

INT8_FLAGS = ("avx512_vnni", "amx_int8")


class Form(StrEnum):
    """`exact` is float32, every value as the source has it; `int8` is 8-bit weights and 8-bit activations."""

    EXACT = "exact"
    INT8 = "int8"


class Choice(NamedTuple):
    form: Form
    reason: str


def fastest_form(flags: set[str] | None = None) -> Choice:
    """The form this CPU serves faster, and why, for the log. `flags`: its feature flags, by default this machine's.

    Where a CPU has instructions for bfloat16, the exact weights computed in it are faster than int8 with many clients,
    about as fast with one, and closer to the original. Without them int8 is faster where there are instructions for it:
    vLLM multiplies int8 matrices with oneDNN, which elsewhere takes slower ways round to the same answers.
    """
    flags = hardware.cpu_flags() if flags is None else flags
    if bfloat16 := hardware.bfloat16_flag(flags):
        return Choice(Form.EXACT, f"exact, computed in bfloat16, because this CPU has {bfloat16}")
    for flag in INT8_FLAGS:
        if flag in flags:
            return Choice(Form.INT8, f"int8, because this CPU has {flag} and no bfloat16")
    return Choice(
        Form.EXACT, f"exact, because this {platform.machine()} CPU has neither bfloat16 nor 8-bit instructions"
    )
