"""The environment that every command runs in, installed once per lock and outside the tree, so that no build copies it.

It lives in `$XDG_CACHE_HOME/granite-cog` (default `~/.cache/granite-cog`), keyed by the lock and the Python that made it.
A machine with a GPU takes the GPU lock, any other the CPU lock. Standard library only.
"""

import ast
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from granite import cache, hardware
from granite.errors import OperatorError

ROOT = Path(__file__).resolve().parents[2]

GPU_LOCK = "requirements.txt"

UV = "uv==0.13.9"
"""Installs a lock in a fifth of pip's time. Pinned: its flags and its reading of a lock change between versions."""

PIP_PYTHON = getattr(sys, "_base_executable", sys.executable)
"""The Python outside of any environment: ours have no pip."""

PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""PyPI has no CPU build of PyTorch. Used unless a local folder of wheels has one."""


def enter(*, tests: bool = False) -> None:
    """Return if this process runs in the environment; otherwise install it and start over in it."""
    # Unwind: by default the last two end a process at once, and leave the installer or the server running.
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, lambda number, _: sys.exit(128 + number))
    if cache.in_image():  # its Python is the environment
        return
    lock = GPU_LOCK if hardware.has_gpu() else "requirements-cpu.txt"
    try:
        home = ensure(lock, *(["requirements-test.txt"] if tests else []))
    except OperatorError as error:
        sys.exit(str(error))
    except (OSError, RuntimeError) as error:
        sys.exit(f"Cannot install: {error}; set XDG_CACHE_HOME to another directory.")
    # Three processes import vLLM; without cached bytecode each compiles it again, in 10 s of processor time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # coglet starts its worker as `python` from PATH.
    os.environ["PATH"] = f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    if Path(sys.prefix).resolve() == home.resolve():
        return
    python = str(home / "bin" / "python")
    sys.stdout.flush()
    os.execv(python, [python, *sys.orig_argv[1:]])


def ensure(lock: str, *more: str) -> Path:
    """Install a lock into its environment, and `more` on top, unless that is done; return the directory.

    Raises OperatorError, OSError or RuntimeError.
    """
    made_from = (ROOT / lock).read_bytes() + sys.version.encode() + sysconfig.get_platform().encode()
    home = cache.directory() / f"env-{_key(made_from)}"
    for each in (ROOT / name for name in (lock, *more)):
        done = home / f"{each.stem}-{_key(each.read_bytes())}.installed"
        if done.exists():
            continue
        with alone(home):
            if not done.exists():
                _install(home, each)
                done.touch()
    return home


def _key(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Let one process at a time make an environment; an incomplete one starts over."""
    home.parent.mkdir(parents=True, exist_ok=True)
    waiting = f"Another command is installing {home}; waiting for it …"
    with cache.locked(home.with_suffix(".lock"), lambda: say(waiting)):
        if home.exists() and not [*home.glob("*.installed")]:
            shutil.rmtree(home)
        yield


def _install(home: Path, lock: Path) -> None:
    began = time.monotonic()
    pins = lock.read_text()
    packages = re.findall(r"^\w", pins, re.MULTILINE)
    say(f"Installing {len(packages)} packages of {lock.name} into {home}, once …")
    if not (home / "bin" / "python").exists():
        venv.create(home, with_pip=False, symlinks=True)
    command = [_uv(), "pip", "install", "--python", str(home / "bin" / "python")]
    # Not for a GPU: a local CPU build of torch would pass for the same version.
    folders = [] if lock.name == GPU_LOCK else pip_setting("find-links")
    command += ["--no-deps", *(f"--find-links={folder}" for folder in folders)]
    torch = re.search(r"^torch==\S+\+cpu", pins, re.MULTILINE)
    if torch and not any([*Path(folder).glob("torch-*+cpu-*")] for folder in folders):
        try:
            urllib.request.urlopen(PYTORCH_CPU_INDEX, timeout=5).close()
        except OSError:
            say("PyTorch's own index does not answer: torch comes from PyPI, with CUDA, 6.1 GB in all instead of 3.5.")
            lock = lock.with_stem(f"{lock.stem}-pypi")
        else:
            run([*command, f"--default-index={PYTORCH_CPU_INDEX}", torch[0]])
    indexes = [f"--default-index={index}" for index in pip_setting("index-url")[-1:]]
    run([*command, *indexes, "-r", str(lock)])
    say(f"Installed in {time.monotonic() - began:.0f} s.")


def _uv() -> str:
    """uv's program. It is in no lock: an image is built with Cog's own uv."""
    home = cache.directory() / UV.replace("==", "-")
    program = home / "bin" / "uv"
    if not program.exists():
        options = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore", "--no-deps"]
        run([PIP_PYTHON, "-m", "pip", "install", *options, "--target", str(home), UV])
    return str(program)


def pip_setting(name: str) -> list[str]:
    """Pip's setting on this machine, which uv does not read: every value, the strongest last.

    Not for `extra-index-url`: with uv the first index that has a package would hide PyPI's versions of it.
    """
    command = [PIP_PYTHON, "-m", "pip", "config", "list"]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    settings = dict(line.split("=", 1) for line in lines if "=" in line)
    keys = (f"global.{name}", f"install.{name}", f":env:.{name}")
    return [value for key in keys for value in ast.literal_eval(settings.get(key, "''")).split()]


def run(command: list[str]) -> None:
    """Run an installer and show what it says, except its list of packages. Raises OperatorError with its first cause."""
    lines: list[str] = []
    if sys.stderr.isatty():  # the installer draws live progress
        code = subprocess.run(command, stdout=sys.stderr).returncode
    else:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                for line in process.stdout or ():
                    if line.strip() and not line.startswith((" + ", "Downloaded ")):
                        lines.append(line.strip())
                        say(f"  {line.strip()}")
            except BaseException:
                process.terminate()
                raise
        code = process.returncode
    if code:
        # The lines after the first cause only explain it.
        causes = [line for line in lines if line.startswith(("error: ", "ERROR: ", "× "))]
        raise OperatorError(
            f"Installing failed: {[*causes, *lines[-1:], f'{command[0]} ended with exit code {code}'][0]}"
        )


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
