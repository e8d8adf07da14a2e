"""Downloads from a hub on loopback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from granite.errors import WeightsError
from granite.model.download import download
from tests.hub import COMMIT, FILES, REPO, WEIGHTS, Hub

SERVED = ("config.json", "tokenizer.json", "model.safetensors")


@pytest.fixture
def hub():
    with Hub.running() as hub:
        yield hub


def content(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


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
    size = sum(len(FILES[name]) for name in SERVED) / 1e9
    assert f"Downloading 3 files, {size:.2f} GB, of {REPO} at {COMMIT}." in done.stderr.splitlines()
    assert content(to) == {name: FILES[name] for name in SERVED}


def test_a_cut_connection_is_resumed(hub, tmp_path):
    """Behind the last 10 MB, in the same call."""
    hub.cut = True
    download(REPO, "main", tmp_path, hub.url, print)
    transfers = [request for request in hub.requests if request.startswith(f"GET {WEIGHTS}")]
    assert transfers == [f"GET {WEIGHTS}", f"GET {WEIGHTS} bytes=10485760-"]
    assert content(tmp_path)["model.safetensors"] == FILES["model.safetensors"]


def test_a_second_call_downloads_only_what_is_missing(hub, tmp_path):
    hub.broken = True
    expected = f"{hub.url} answered 500 for {REPO}; run the same command again to continue."
    assert refusal(hub.url, tmp_path, revision=COMMIT) == expected
    hub.broken = False
    hub.requests.clear()
    download(REPO, COMMIT, tmp_path, hub.url, print)
    assert [request for request in hub.requests if "GET /ibm-granite" in request] == [f"GET {WEIGHTS}"]


def test_an_unknown_repository_or_revision_is_named(hub, tmp_path):
    absent = "ibm-granite/absent"
    assert refusal(hub.url, tmp_path, absent) == (
        f"{hub.url} has no repository {absent}, or it is private; check --repo, or set HF_TOKEN."
    )
    assert refusal(hub.url, tmp_path, revision="v9") == (
        f"{REPO} has no revision v9; use one of its commits, tags or branches."
    )


def test_a_gated_repository_has_its_fix(hub, tmp_path):
    hub.gated = True
    assert refusal(hub.url, tmp_path) == (
        f"{REPO} is gated; accept its terms on {hub.url}/{REPO} and set HF_TOKEN to a token of that account."
    )


def test_without_a_server_existing_files_are_no_download(tmp_path):
    with Hub() as closed:
        url = closed.url
    (tmp_path / "README.md").write_text("here before")
    assert refusal(url, tmp_path) == (
        f"{url} cannot be reached (ConnectError); check the network, then run the same command again to continue."
    )


def test_a_malformed_name_is_refused_before_any_request(hub, tmp_path):
    assert refusal(hub.url, tmp_path, "granite 8b") == ("granite 8b is not a repository name; write it as OWNER/NAME.")
    assert hub.requests == []
