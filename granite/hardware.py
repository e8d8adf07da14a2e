"""What this machine computes with. Standard library only: it decides what is installed."""

from __future__ import annotations

import os
from pathlib import Path


def has_gpu() -> bool:
    """Whether an NVIDIA GPU is here for CUDA to use, by the driver's device files (`/dev/dxg` is WSL 2's)."""
    return any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/dxg"))


def cores() -> list[int]:
    """The numbers of the processor cores that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
