"""The two forms of the demo weights, and which one this CPU serves faster."""

import platform
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

CPUINFO = Path("/proc/cpuinfo")
INT8_FLAGS = ("avx512_vnni", "amx_int8")


class Form(StrEnum):
    """`exact` is float32, every value as the source has it; `int8` is 8-bit weights and 8-bit activations."""

    EXACT = "exact"
    INT8 = "int8"


class Choice(NamedTuple):
    form: Form
    reason: str


def fastest_form(cpuinfo: Path = CPUINFO) -> Choice:
    """The form this CPU serves faster, and why, for the log.

    vLLM multiplies int8 matrices with oneDNN (or, on AMX, its own kernels). Where a CPU has instructions for it, that is
    faster than float32; where it has none, oneDNN still gives the same answers but by slower ways round.
    """
    machine = platform.machine()
    flags = _flags(cpuinfo)
    for flag in INT8_FLAGS:
        if flag in flags:
            return Choice(Form.INT8, f"int8, because this CPU has {flag}")
    return Choice(Form.EXACT, f"float32, because this {machine} CPU has none of {', '.join(INT8_FLAGS)}")


def _flags(cpuinfo: Path) -> set[str]:
    """The first processor's feature flags as Linux names them; empty where there is no /proc (macOS)."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return set()
    return next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())
