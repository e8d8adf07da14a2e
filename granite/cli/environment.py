"""The environment that every command runs in, installed once per lock and outside the tree, so that no build copies it.

It lives in `$XDG_CACHE_HOME/granite-cog` (default `~/.cache/granite-cog`), keyed by the lock and the Python that made it.
A machine with a GPU takes the GPU lock, any other the CPU lock. Standard library only.
"""

from __future__ import annotations

import ast
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from granite import cache, hardware
from granite.errors import OperatorError

ROOT = Path(__file__).resolve().parents[2]

UV = "uv==0.13.9"
"""Installs a lock in a fifth of pip's time. Pinned: its flags and its reading of a lock change between versions."""

PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""PyPI has no CPU build of PyTorch. Used unless a local folder of wheels has one."""

INDEX_SECONDS = 5
"""How long PyTorch's index may take to answer before PyPI's build is used instead."""

FIRST_CAUSE = re.compile(r"error: |ERROR: |× ")
"""Begins an installer's first cause; the lines after it explain it."""


def enter(*, tests: bool = False) -> None:
    """Run this process in the environment: return if it does, else make the environment and start over in it.

    An image's Python is the environment: cog.yaml says so in GRANITE_ENVIRONMENT.
    """
    if os.environ.get("GRANITE_ENVIRONMENT") == "image":
        return
    # These end a process without unwinding it, which would leave the installer or the server running.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, lambda number, _: sys.exit(128 + number))
    try:
        home = ensure(tests=tests)
    except OperatorError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    if Path(sys.prefix).resolve() == home.resolve():
        return
    # Three processes import vLLM; without cached bytecode each compiles it again, in 10 s of processor time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # coglet starts its worker as `python` from PATH.
    os.environ["PATH"] = f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    python = str(home / "bin" / "python")
    sys.stdout.flush()
    os.execv(python, [python, *sys.orig_argv[1:]])


def ensure(*, tests: bool = False) -> Path:
    """Install the environment unless it exists, and return its directory. Raises OperatorError."""
    lock = ROOT / ("requirements.txt" if hardware.has_gpu() else "requirements-cpu.txt")
    made_from = lock.read_bytes() + sys.version.encode() + sysconfig.get_platform().encode()
    try:
        home = cache.directory() / f"env-{hashlib.sha256(made_from).hexdigest()[:12]}"
        install(home, lock)
        if tests:
            install(home, ROOT / "requirements-test.txt")
    except (OSError, RuntimeError) as error:
        raise OperatorError(f"Cannot install: {error}; set XDG_CACHE_HOME to another directory.") from None
    return home


def install(home: Path, lock: Path) -> None:
    done = home / f"{lock.stem}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}.installed"
    if done.exists():
        return
    with alone(home):
        if done.exists():
            return
        began = time.monotonic()
        packages = sum(1 for line in lock.read_text().splitlines() if line[:1].isalnum())
        say(f"Installing {packages} packages of {lock.name} into {home}, once …")
        if not (home / "bin" / "python").exists():
            venv.create(home, with_pip=False, symlinks=True)
        _install_packages(home, lock)
        done.touch()
        say(f"Installed in {time.monotonic() - began:.0f} s.")


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Let one process at a time make an environment; an incomplete one starts over."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if home.exists() and not [*home.glob("*.installed")]:
            shutil.rmtree(home)
        yield


def _install_packages(home: Path, lock: Path) -> None:
    command = [_uv(), "pip", "install", "--python", str(home / "bin" / "python")]
    # Not with a GPU: a local CPU build of torch would pass for the same version.
    folders = [] if hardware.has_gpu() else pip_setting("find-links")
    command += [f"--find-links={folder}" for folder in folders]
    indexes = [f"--default-index={index}" for index in pip_setting("index-url")[-1:]]
    torch = re.search(r"^(torch==\S+)\+cpu", lock.read_text(), re.MULTILINE)
    if torch and not any([*Path(folder).glob("torch-*+cpu-*")] for folder in folders):
        if not _answers(PYTORCH_CPU_INDEX):
            say(f"PyTorch's own index does not answer: {torch[1]} comes from PyPI, with CUDA, 6.1 GB in all, not 3.5.")
            _install_with_cuda_build([*command, *indexes], lock, torch[1])
            return
        run([*command, "--no-deps", f"--default-index={PYTORCH_CPU_INDEX}", torch[0]])
    run([*command, *indexes, "--no-deps", "-r", str(lock)])


def _install_with_cuda_build(command: list[str], lock: Path, torch: str) -> None:
    """Install the CPU lock with PyPI's build of `torch` instead of the CPU build. Both compute the same on a CPU."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as override:
        override.write(torch)
        override.flush()
        run([*command, "--no-deps", "--override", override.name, "-r", str(lock)])
    # This build needs its CUDA libraries to load; the GPU lock has their versions.
    run([*command, "--constraint", str(ROOT / "requirements.txt"), torch])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=INDEX_SECONDS):
            return True
    except OSError:
        return False


def _uv() -> str:
    """uv's program. It is in no lock: an image is built with Cog's own uv."""
    home = cache.directory() / UV.replace("==", "-")
    program = home / "bin" / "uv"
    if not program.exists():
        options = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore", "--no-deps"]
        run([sys.executable, "-m", "pip", "install", *options, "--target", str(home), UV])
    return str(program)


def pip_setting(name: str) -> list[str]:
    """Pip's setting on this machine, which uv does not read: every value, the strongest last.

    Not for `extra-index-url`: with uv the first index that has a package would hide PyPI's versions of it.
    """
    command = [sys.executable, "-m", "pip", "config", "list"]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    settings = dict(line.split("=", 1) for line in lines if "=" in line)
    sources = (f"global.{name}", f"install.{name}", f":env:.{name}")
    values = [value for source in sources for value in ast.literal_eval(settings.get(source, "''")).split()]
    return list(dict.fromkeys(values))


def run(command: list[str]) -> None:
    """Run an installer. A terminal shows its live progress, a pipe its lines without the list of packages.

    Raises OperatorError with the first cause that the installer names.
    """
    lines = []
    if sys.stderr.isatty():
        code = subprocess.run(command, stdout=sys.stderr).returncode
    else:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                for line in filter(str.strip, process.stdout or ()):
                    if not line.startswith((" + ", "Downloaded ", "WARNING: Location")):
                        lines.append(line.strip())
                        say(f"  {line.strip()}")
            except BaseException:
                process.terminate()
                raise
        code = process.returncode
    if code:
        cause = next(filter(FIRST_CAUSE.match, lines), [f"see above; {command[0]} ended with {code}", *lines][-1])
        raise OperatorError(f"Installing failed: {cause}")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
