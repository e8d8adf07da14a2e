"""The environment that every command runs in."""

import fcntl
import subprocess
import sys

import pytest

from granite.cli import environment
from granite.errors import OperatorError


def run(code, **variables):
    """Run code with a Python that is not the environment's."""
    bare = {"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "PYTHONPATH": str(environment.ROOT), **variables}
    command = [sys._base_executable, "-c", f"from granite.cli import environment; {code}"]
    return subprocess.run(command, capture_output=True, text=True, env=bare)


def test_a_directory_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    ran = run("environment.enter()", XDG_CACHE_HOME=str(tmp_path / "file"))
    fault = f"[Errno 20] Not a directory: '{tmp_path}/file/granite-cog'"
    assert ran.stderr == f"Cannot install: {fault}; set XDG_CACHE_HOME to another directory.\n"


def test_pips_settings_are_read(tmp_path):
    """From its files and its variables, which come last because they win."""
    (tmp_path / "pip.conf").write_text("[global]\nfind-links = /a\n    /b\n")
    variables = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_FIND_LINKS": "/c /d"}
    ran = run("print(*environment.pip_setting('find-links'))", **variables)
    assert ran.stdout == "/a /b /c /d\n"


@pytest.mark.parametrize(
    ("program", "cause"),
    [
        ("print('Resolved\\nerror: no such thing\\n  cause: nobody made it')", "error: no such thing"),
        ("print('Resolved\\nno such thing')", "no such thing"),
        ("pass", f"{sys.executable} ended with exit code 3"),
    ],
)
def test_a_failed_installation_names_the_first_cause(program, cause):
    with pytest.raises(OperatorError) as caught:
        environment.run([sys.executable, "-c", f"{program}; raise SystemExit(3)"])
    assert str(caught.value) == f"Installing failed: {cause}"


def test_one_process_at_a_time_makes_an_environment_and_an_incomplete_one_starts_over(tmp_path):
    half, whole = tmp_path / "env-half", tmp_path / "env-whole"
    half.mkdir()
    whole.mkdir()
    (whole / "requirements-cpu-1.installed").touch()
    with environment.alone(half), environment.alone(whole), half.with_suffix(".lock").open() as lock:
        assert (half.exists(), whole.exists()) == (False, True)
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_command_that_waits_for_another_says_so(tmp_path, monkeypatch):
    """The other one ends when the line is out."""
    home, said = tmp_path / "env", []
    with home.with_suffix(".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        monkeypatch.setattr(environment, "say", lambda line: (said.append(line), fcntl.flock(other, fcntl.LOCK_UN)))
        with environment.alone(home):
            assert said == [f"Another command is installing {home}; waiting for it …"]
