"""What vLLM's CUDA build makes of our arguments on every card, without a GPU: its own configuration, attention and kernels.

The GPU lock is installed in an environment of its own. Its libraries load with a driver whose functions all fail, and
the questions about the GPU are answered by tests/cards/fake_card.py.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from granite import cache
from granite.cli import environment

LOCK, TABLE = "requirements.txt", Path("tests/data/cards.json")

OTHERS = [
    "QUANTIZATION=fp8_per_channel",
    "QUANTIZATION=fp8_per_tensor",
    "COG_MAX_CONCURRENCY=32",
    "ADAPTERS=3",
    "ADAPTERS=9",
    'ENGINE_ARGS={"enforce_eager": true}',
    'ENGINE_ARGS={"attention_backend": "FLASH_ATTN"}',
    'ENGINE_ARGS={"attention_backend": "TRITON_ATTN"}',
    'ENGINE_ARGS={"attention_config": {"backend": "FLASH_ATTN", "flash_attn_version": 2}}',
    'ENGINE_ARGS={"attention_config": {"use_trtllm_attention": false}}',
]


def settings():
    """Every ENGINE_ARGS that the documentation shows for a GPU, and the others."""
    pages = "".join(Path("docs", page).read_text() for page in ("gpu.md", "operations.md"))
    documented = dict.fromkeys(re.findall(r"""\{"[a-z_]+": [^}`']*\}(?=['`])""", pages))
    return [*OTHERS, *(f"ENGINE_ARGS={each}" for each in documented)]


@pytest.fixture(scope="module")
def home():
    """The GPU lock's environment."""
    installed = f"requirements-{environment._key(Path(LOCK).read_bytes())}.installed"
    if not [*cache.directory().glob(f"env-*/{installed}")]:
        free = shutil.disk_usage(cache.directory().parent).free
        if free < 10 * 10**9:
            pytest.skip(f"the GPU lock needs 10 GB, and {free / 10**9:.0f} GB are free")
    if not (shutil.which("gcc") and shutil.which("nm")):
        pytest.skip("the stub of CUDA's driver needs gcc and nm")
    return environment.ensure(LOCK)


@pytest.fixture
def toolkit(home, tmp_path):
    """A CUDA toolkit in form: the driver's functions fail, nvcc and ninja exist."""
    libraries = [*home.glob("lib/python3*/site-packages/vllm/**/*.so")]
    symbols = subprocess.run(["nm", "-D", "--undefined-only", *libraries], capture_output=True, text=True).stdout
    functions = sorted(set(re.findall(r" U (cu[A-Z]\w*)", symbols)))
    source = "".join(f"int {name}(void) {{ return 999; }}\n" for name in functions)
    command = ["gcc", "-shared", "-fPIC", "-o", tmp_path / "libcuda.so.1", "-x", "c", "-"]
    subprocess.run(command, input=source, text=True, check=True)
    (tmp_path / "bin").mkdir()
    for program in ("nvcc", "ninja"):
        (tmp_path / "bin" / program).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "bin" / program).chmod(0o755)
    return tmp_path


@pytest.mark.slow
def test_the_configuration_of_every_card(home, toolkit, tmp_path):
    shutil.copy("tests/data/config.json", tmp_path)
    variables = {
        "PYTHONPATH": ".",
        "PATH": f"{toolkit / 'bin'}:/usr/bin:/bin",
        "CUDA_HOME": str(toolkit),
        "LD_LIBRARY_PATH": str(toolkit),
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path),
        "HF_HUB_OFFLINE": "1",
        "FLASHINFER_CUBINS_REPOSITORY": "http://127.0.0.1:9",  # a host that reaches nothing
        "VLLM_LOGGING_LEVEL": "ERROR",
    }
    command = [home / "bin" / "python", "tests/cards/configure.py", tmp_path, *settings()]
    done = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=300)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "home").exists(), "all is written to the cache"
    found = tmp_path / "cards.json"
    found.write_text(done.stdout)
    assert json.loads(done.stdout) == json.loads(TABLE.read_text()), f"To accept the change: cp {found} {TABLE}"
