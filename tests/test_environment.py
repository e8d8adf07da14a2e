"""The environment that every command runs in."""

import sys
from pathlib import Path

import pytest

from granite.cli import environment
from granite.errors import OperatorError


def test_it_lies_in_the_cache_under_the_key_of_its_lock(monkeypatch, tmp_path):
    """Another lock is another environment; nothing lies in the tree."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    lock, other = tmp_path / "a.txt", tmp_path / "b.txt"
    lock.write_text("six==1.17.0\n")
    other.write_text("six==1.16.0\n")
    assert environment._key(lock) != environment._key(other)
    assert not Path(sys.prefix).is_relative_to(environment.ROOT)


def test_an_installer_that_fails_is_its_last_words(capsys):
    """Its lines are shown, the list of packages is not."""
    program = "print('Resolved 1 package'); print(' + six==1.17.0'); print('no such thing'); raise SystemExit(3)"
    with pytest.raises(OperatorError) as caught:
        environment._run([sys.executable, "-c", program])
    assert str(caught.value) == "Installing failed: no such thing"
    assert capsys.readouterr().err == "  Resolved 1 package\n  no such thing\n"


def test_an_environment_that_was_left_half_made_starts_over(tmp_path):
    """One that is complete stays."""
    half, whole = tmp_path / "env-half", tmp_path / "env-whole"
    for home in (half, whole):
        home.mkdir()
    (whole / "requirements-cpu-1.installed").touch()
    with environment._alone(half), environment._alone(whole):
        assert (half.exists(), whole.exists()) == (False, True)
