"""Downloads from a hub on loopback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from granite.errors import WeightsError
from granite.model.download import download
from tests.hub import COMMIT, FILES, REPO, Hub

AGAIN = "run the same command again to continue."


@pytest.fixture
def hub():
    with Hub.running() as hub:
        yield hub


def refusal(url, to, repo=REPO, revision="main"):
    with pytest.raises(WeightsError) as caught:
        download(repo, revision, to, url, print)
    return str(caught.value)


def test_the_command_downloads_what_serving_needs(hub, tmp_path):
    """No code, and no other chat template."""
    to = tmp_path / "weights"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    variables = {"PYTHON": sys.executable, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hub")}
    command = [Path(__file__).parents[3] / "script" / "weights", "download", "--to", to]
    done = subprocess.run(command, env=inherited | variables, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"{to}\n"), done.stderr
    assert f"Downloading 3 files, 0.00 GB, of {REPO} at {COMMIT}." in done.stderr.splitlines()
    content = {path.name: path.read_bytes() for path in to.iterdir() if path.is_file()}
    assert content == {name: FILES[name] for name in ("config.json", "tokenizer.json", "model.safetensors")}


def test_a_second_call_downloads_only_what_is_missing(hub, tmp_path):
    weights = f"GET /{REPO}/resolve/{COMMIT}/model.safetensors"
    hub.faults = {weights: (500, "")}
    assert refusal(hub.url, tmp_path, revision=COMMIT) == f"{hub.url} answered 500 for {REPO}; {AGAIN}"
    hub.faults.clear()
    hub.requests.clear()
    download(REPO, COMMIT, tmp_path, hub.url, print)
    assert [request for request in hub.requests if request.startswith("GET /ibm-granite")] == [weights]


@pytest.mark.parametrize(
    ("given", "faults", "sentence"),
    [
        (
            {"repo": "ibm-granite/absent"},
            {},
            "{url} has no repository ibm-granite/absent, or it is private; check --repo, or set HF_TOKEN.",
        ),
        ({"repo": "granite 8b"}, {}, "granite 8b is not a repository name; write it as OWNER/NAME."),
        ({"revision": "v9"}, {}, f"{REPO} has no revision v9; use one of its commits, tags or branches."),
        (
            {},
            {"/api/": (403, "GatedRepo")},
            f"{REPO} is gated; accept its terms on {{url}}/{REPO} and set HF_TOKEN to a token of that account.",
        ),
    ],
)
def test_each_refusal_has_its_fix(hub, tmp_path, given, faults, sentence):
    hub.faults = faults
    assert refusal(hub.url, tmp_path, **given) == sentence.format(url=hub.url)


def test_without_a_server_existing_files_are_no_download(tmp_path):
    with Hub() as closed:
        url = closed.url
    (tmp_path / "README.md").write_text("here before")
    assert refusal(url, tmp_path) == f"{url} cannot be reached (ConnectError); check the network, then {AGAIN}"


def test_a_directory_that_cannot_be_written_is_named(hub, tmp_path):
    (tmp_path / "file").touch()
    assert refusal(hub.url, tmp_path / "file") == f"Cannot download into {tmp_path}/file: Not a directory; {AGAIN}"
