"""The environment that every command runs in: made once per lock from PyPI, outside the tree, so no build meets it.

It lives in `$XDG_CACHE_HOME/granite-cog` (default `~/.cache/granite-cog`), keyed by the lock and the Python that made
it. The lock is the GPU's where there is a GPU, else the CPU's. Standard library only.
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
import threading
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
"""Installs the lock in a fifth of pip's time. Pinned: its flags and its reading of a lock change between versions."""

PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""PyPI has no CPU build of PyTorch. Used unless a local folder of wheels holds one."""

INDEX_SECONDS = 5
"""For PyTorch's index to answer before PyPI's build is taken instead."""

_PIP_INSTALL = ["pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore", "--no-deps"]


def enter(*, tests: bool = False) -> None:
    """Go on in the environment: returns when this process already runs there, else makes it and starts over in it.

    An image's Python is the environment: cog.yaml says so in GRANITE_ENVIRONMENT.
    """
    if os.environ.get("GRANITE_ENVIRONMENT") == "image":
        return
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
    # Three processes import vLLM: without cached bytecode each compiles it again, 10 s of processor time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # coglet starts its worker as `python` from PATH.
    os.environ["PATH"] = f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    python = str(home / "bin" / "python")
    sys.stdout.flush()
    os.execv(python, [python, *sys.orig_argv[1:]])


def ensure(*, tests: bool = False) -> Path:
    """The environment's directory, made if it is not there. Raises OperatorError: the disk's, or the installer's last words."""
    lock = ROOT / ("requirements.txt" if hardware.has_gpu() else "requirements-cpu.txt")
    try:
        home = cache.directory() / f"env-{_key(lock)}"
        _install(home, lock)
        if tests:
            _install(home, ROOT / "requirements-test.txt")
    except (OSError, RuntimeError) as error:
        raise OperatorError(f"Cannot install: {error}. XDG_CACHE_HOME names another place to install into.") from None
    return home


def _key(lock: Path) -> str:
    made_from = lock.read_bytes() + sys.version.encode() + sysconfig.get_platform().encode()
    return hashlib.sha256(made_from).hexdigest()[:12]


def _install(home: Path, lock: Path) -> None:
    done = home / f"{lock.stem}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}.installed"
    if done.exists():
        return
    with _alone(home):
        if done.exists():
            return
        began = time.monotonic()
        packages = sum(1 for line in lock.read_text().splitlines() if line[:1].isalnum())
        _say(f"Installing {packages} packages of {lock.name} into {home}, once …")
        if not (home / "bin" / "python").exists():
            venv.create(home, with_pip=False, symlinks=True)
        _uv(home, lock)
        done.touch()
        _say(f"Installed in {time.monotonic() - began:.0f} s.")


def _uv(home: Path, lock: Path) -> None:
    command = [str(_uv_program()), "pip", "install", "--python", str(home / "bin" / "python"), "--no-deps"]
    # Not for a GPU: a local CPU build of torch would pass for the same version.
    folders = [] if hardware.has_gpu() else pip_setting("find-links")
    for folder in folders:
        command += ["--find-links", folder]
    indexes = [part for index in pip_setting("index-url")[-1:] for part in ("--default-index", index)]
    torch = re.search(r"^(torch==\S+)\+cpu", lock.read_text(), re.MULTILINE)
    if not torch or any([*Path(folder).glob("torch-*+cpu-*")] for folder in folders):
        _run([*command, *indexes, "-r", str(lock)])
    elif _answers(PYTORCH_CPU_INDEX):
        _run([*command, "--default-index", PYTORCH_CPU_INDEX, torch.group()])
        _run([*command, *indexes, "-r", str(lock)])
    else:
        _say(
            f"PyTorch's own index does not answer: {torch[1]} comes from PyPI with CUDA, 6.1 GB in all instead of 3.5."
        )
        _with_cuda_build([*command, *indexes], lock, torch[1])


def _with_cuda_build(command: list[str], lock: Path, torch: str) -> None:
    """Install the CPU lock with PyPI's build of `torch` in place of the CPU build. Both compute the same on a CPU."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as override:
        override.write(torch)
        override.flush()
        _run([*command, "--override", override.name, "-r", str(lock)])
    # The build needs its CUDA libraries to load, at the versions of the GPU lock.
    with_dependencies = [part for part in command if part != "--no-deps"]
    _run([*with_dependencies, "--constraint", str(ROOT / "requirements.txt"), torch])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=INDEX_SECONDS):
            return True
    except OSError:
        return False


def _uv_program() -> Path:
    """uv has no place in the lock: the image is built by Cog's own."""
    home = cache.directory() / UV.replace("==", "-")
    program = home / "bin" / "uv"
    if not program.exists():
        _run([sys.executable, "-m", *_PIP_INSTALL, "--target", str(home), UV])
    return program


def pip_setting(name: str) -> list[str]:
    """What pip was told on this machine, which uv does not read: every value, the one that counts most last.

    `extra-index-url` is left out: with uv the first index that has a package would hide PyPI's pins of it.
    """
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True).stdout
    settings = dict(line.split("=", 1) for line in listed.splitlines() if "=" in line)
    sources = (f"global.{name}", f"install.{name}", f":env:.{name}")
    values = [value for source in sources for value in ast.literal_eval(settings.get(source, "''")).split()]
    return list(dict.fromkeys(values))


def _run(command: list[str]) -> None:
    """Run an installer. A terminal gets its live progress, a pipe its plain lines without the list of packages.

    Raises OperatorError with the first cause that the installer names.
    """
    if sys.stderr.isatty():
        lines: list[str] = []
        failed = subprocess.run(command, stdout=sys.stderr).returncode
    else:
        lines, failed = _run_in_a_pipe(command)
    if failed:
        cause = next((line for line in lines if ERROR.match(line)), lines[-1] if lines else "")
        raise OperatorError(f"Installing failed: {cause or f'see above; {Path(command[0]).name} ended with {failed}'}")


ERROR = re.compile(r"error: |ERROR: |× ")
"""Begins an installer's first cause; the lines after it explain that one."""


def _run_in_a_pipe(command: list[str]) -> tuple[list[str], int]:
    """What the installer said, and its exit code."""
    lines = []
    with (
        _still_alive(),
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process,
    ):
        try:
            for line in process.stdout or ():
                if line.strip() and not line.startswith((" + ", "Downloaded ", "WARNING: Location")):
                    lines.append(line.strip())
                    _say(f"  {line.strip()}")
        except BaseException:
            process.terminate()
            raise
    return lines, process.returncode


@contextmanager
def _still_alive() -> Iterator[None]:
    """A line every ten seconds: a pipe sees nothing of a download before it is done."""
    began, done = time.monotonic(), threading.Event()

    def tell() -> None:
        while not done.wait(10):
            _say(f"  … {time.monotonic() - began:.0f} s")

    thread = threading.Thread(target=tell)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One process at a time makes an environment; one that was left half made starts over."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if home.exists() and not [*home.glob("*.installed")]:
            shutil.rmtree(home)
        yield


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
