"""What a machine computes with."""

import dataclasses

import pytest

from granite.hardware import Hardware, count_gpus, read_cpu_flags
from tests.machines import CPU


@pytest.mark.parametrize(
    ("visible", "count"),
    [
        (None, 2),
        ("0", 1),
        ("0,1,2", 3),
        ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", 1),
        ("", 0),
        ("MIG-41b36415", None),
    ],
)
def test_gpus_are_counted_as_cuda_sees_them(tmp_path, visible, count):
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia0x"):
        (tmp_path / name).touch()
    assert count_gpus(visible, tmp_path) == count


def test_gpus_are_unknown_without_device_files(tmp_path):
    """As on WSL 2."""
    assert count_gpus(None, tmp_path) is None


def test_cpu_flags_are_those_of_the_first_processor(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx2\n\nprocessor\t: 1\nflags\t\t: fpu\n")
    assert read_cpu_flags(cpuinfo) == {"fpu", "avx2"}
    assert read_cpu_flags(tmp_path / "absent") == frozenset()


@pytest.mark.parametrize(("flag", "expected"), [("avx512_bf16", True), ("amx_bf16", True), ("avx512_vnni", False)])
def test_bfloat16_needs_instructions_for_it(flag, expected):
    assert dataclasses.replace(CPU, cpu_flags=frozenset({"avx2", flag})).bfloat16 is expected


def test_this_machine_has_cores():
    assert Hardware.detect().cores
