"""What a machine computes with."""

import pytest

from granite.hardware import Hardware, count_gpus, has_bfloat16


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


def test_this_machine_has_cores():
    assert Hardware.detect().cores
