"""The environment that every command runs in."""

import sys
from pathlib import Path

import pytest

from granite import cache
from granite.cli import environment
from granite.errors import OperatorError


def test_another_lock_is_another_environment(tmp_path):
    """So an old one never runs new code."""
    lock, other = tmp_path / "a.txt", tmp_path / "b.txt"
    lock.write_text("six==1.17.0\n")
    other.write_text("six==1.16.0\n")
    assert environment._key(lock) != environment._key(other)


def test_nothing_is_installed_into_the_tree():
    """An image's build must not meet it."""
    assert Path(sys.prefix).is_relative_to(cache.directory())
    assert not Path(sys.prefix).is_relative_to(environment.ROOT)


def test_a_place_that_cannot_be_written_is_one_sentence(monkeypatch, tmp_path):
    """It names the variable that names another."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(OperatorError, match=r"^Cannot install: .*XDG_CACHE_HOME names another place"):
        environment.ensure()


@pytest.mark.parametrize(
    ("config", "variables", "links"),
    [
        ("[global]\nfind-links = /a\n    /b\n", {}, ["/a", "/b"]),
        ("[global]\nfind-links = /a\n", {"PIP_FIND_LINKS": "/c /a"}, ["/a", "/c"]),
        ("", {}, []),
    ],
)
def test_pips_settings_are_read(monkeypatch, tmp_path, config, variables, links):
    """From its files and its variables, which count more and so stand last."""
    (tmp_path / "pip.conf").write_text(config)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "executable", sys._base_executable)
    assert environment.pip_setting("find-links") == links


@pytest.mark.parametrize("explained", ["error: no such thing\\n  cause: nobody made it", "no such thing"])
def test_a_failed_installation_names_the_first_cause(capsys, explained):
    """Its lines are shown, the list of packages is not."""
    program = f"print('Resolved 1 package'); print(' + six==1.17.0'); print('{explained}'); raise SystemExit(3)"
    with pytest.raises(OperatorError) as caught:
        environment._run([sys.executable, "-c", program])
    first, *_ = explained.split("\\n")
    assert str(caught.value) == f"Installing failed: {first}"
    assert capsys.readouterr().err.startswith("  Resolved 1 package\n  " + first)


def test_an_environment_that_was_left_half_made_starts_over(tmp_path):
    """One that is complete stays."""
    half, whole = tmp_path / "env-half", tmp_path / "env-whole"
    for home in (half, whole):
        home.mkdir()
    (whole / "requirements-cpu-1.installed").touch()
    with environment._alone(half), environment._alone(whole):
        assert (half.exists(), whole.exists()) == (False, True)
