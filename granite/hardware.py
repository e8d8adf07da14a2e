"""What this machine computes with. Standard library only: it decides what is installed."""

from __future__ import annotations

import os
import shutil
import sysconfig
from pathlib import Path


def has_gpu() -> bool:
    """Whether an NVIDIA GPU is here for CUDA to use, by what its driver puts on a machine (the second on WSL 2)."""
    return any(Path(file).exists() for file in ("/dev/nvidiactl", "/usr/lib/wsl/lib/libcuda.so.1"))


def gpus(devices: Path = Path("/dev")) -> int | None:
    """How many NVIDIA GPUs a process here may use; None where that cannot be told (WSL 2, a part of a GPU)."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None and "MIG" not in named:
        return len([name for name in named.split(",") if name.strip()])
    nodes = [node for node in devices.glob("nvidia[0-9]*") if node.name.removeprefix("nvidia").isdecimal()]
    return len(nodes) if nodes and named is None else None


def cores() -> list[int]:
    """The numbers of the processor cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """The first processor's feature flags as Linux names them; empty where there is no /proc (macOS)."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return set()
    return next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())


def bfloat16_flag(flags: set[str]) -> str | None:
    """Which instructions for bfloat16 a CPU has: with them it computes faster in it than in float32."""
    return next((flag for flag in ("amx_bf16", "avx512_bf16") if flag in flags), None)


def has_compiler() -> bool:
    """Whether PyTorch can compile a model for the CPU here: it wants g++ and Python's headers."""
    return shutil.which("g++") is not None and Path(sysconfig.get_path("include"), "Python.h").exists()
