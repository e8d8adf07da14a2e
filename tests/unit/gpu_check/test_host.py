"""The machine, and what is written on it."""

import pytest

from granite.engine import cards
from granite.gpu_check import files, host


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("NVIDIA L4", "L4"),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA GeForce RTX 4090", "4090"),
        ("NVIDIA A100-SXM4-40GB", "A100-40"),
        ("NVIDIA A100 80GB PCIe", "A100-80"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA B200", "B200"),
        ("NVIDIA GH200 480GB", None),
        ("Tesla T4", None),
    ],
)
def test_the_card_of_a_name(name, card):
    assert host.card(name) == (cards.find(card) if card else None)


@pytest.mark.parametrize("capability", ["8.0", "8.9", "9.0", "10.0"])
def test_the_quantization_of_a_capability(capability):
    assert host.fp8(capability) == ("fp8_per_tensor" if capability == "8.0" else "fp8_per_channel")


def test_no_secret_is_in_the_report(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("QUANTIZATION", "fp8_per_channel")
    monkeypatch.setenv("AWS_NOTE", "not ours")
    variables = host.facts()["variables"]
    assert (variables["OPENAI_API_KEY"], variables["QUANTIZATION"]) == ("…", "fp8_per_channel")
    assert "AWS_NOTE" not in variables


def test_what_was_written(tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / ".cache" / "pip").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(files.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    before = files.outside()
    (home / ".triton" / "cache").mkdir(parents=True)
    (home / ".triton" / "cache" / "kernel.so").write_bytes(b"12345")
    assert files.changed(before, files.outside()) == {str(home / ".triton"): (1, 5)}
    assert files.written(home) == {".cache": (0, 0), ".triton": (1, 5)}
    assert files.written(home / "nowhere") == {}
