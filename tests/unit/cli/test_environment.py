"""The environment that every command runs in."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from granite import cache
from granite.cli import environment
from granite.errors import OperatorError


def run(code, **variables):
    """Run code with a Python that is not the environment's."""
    bare = {"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "PYTHONPATH": str(environment.ROOT), **variables}
    command = [sys._base_executable, "-c", f"from granite.cli import environment; {code}"]
    return subprocess.run(command, capture_output=True, text=True, env=bare)


def test_the_environment_is_outside_the_tree():
    assert Path(sys.prefix).is_relative_to(cache.directory())
    assert not Path(sys.prefix).is_relative_to(environment.ROOT)


def test_an_image_is_its_own_environment(tmp_path):
    ran = run("environment.enter(); print(1)", GRANITE_ENVIRONMENT="image", XDG_CACHE_HOME=str(tmp_path))
    assert (ran.stdout, ran.stderr, list(tmp_path.iterdir())) == ("1\n", "", [])


def test_a_directory_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    ran = run("environment.enter()", XDG_CACHE_HOME=str(tmp_path / "file"))
    path = tmp_path / "file" / "granite-cog"
    fault = f"[Errno 20] Not a directory: '{path}'"
    assert ran.stderr == f"Cannot install: {fault}; set XDG_CACHE_HOME to another directory.\n"
    assert ran.returncode == 1


@pytest.mark.parametrize(
    ("config", "variable", "links"),
    [
        ("[global]\nfind-links = /a\n    /b\n", {}, ["/a", "/b"]),
        ("[global]\nfind-links = /a\n", {"PIP_FIND_LINKS": "/c /a"}, ["/a", "/c"]),
        ("", {}, []),
    ],
)
def test_pips_settings_are_read(tmp_path, config, variable, links):
    """From its files and its variables, which come last because they win."""
    (tmp_path / "pip.conf").write_text(config)
    variables = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), **variable}
    assert run("print(environment.pip_setting('find-links'))", **variables).stdout == f"{links}\n"


@pytest.mark.parametrize("output", ["error: no such thing\\n  cause: nobody made it", "no such thing"])
def test_a_failed_installation_names_the_first_cause(capsys, output):
    """Its lines are shown, except the list of packages."""
    program = f"print('Resolved 1 package'); print(' + six==1.17.0'); print('{output}'); raise SystemExit(3)"
    with pytest.raises(OperatorError) as caught:
        environment.run([sys.executable, "-c", program])
    lines = [line.strip() for line in output.split("\\n")]
    assert str(caught.value) == f"Installing failed: {lines[0]}"
    assert capsys.readouterr().err.splitlines() == [f"  {line}" for line in ["Resolved 1 package", *lines]]


def test_an_incomplete_environment_starts_over(tmp_path):
    half, whole = tmp_path / "env-half", tmp_path / "env-whole"
    for home in (half, whole):
        home.mkdir()
    (whole / "requirements-cpu-1.installed").touch()
    with environment.alone(half), environment.alone(whole):
        assert (half.exists(), whole.exists()) == (False, True)


def test_one_process_at_a_time_makes_an_environment(tmp_path):
    with environment.alone(tmp_path / "env"), (tmp_path / "env.lock").open() as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
