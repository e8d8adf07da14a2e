"""What the tests share: the options, and one real Cog server with the real engine on the demo weights."""

import json
import os

import pytest

from granite import hardware
from granite.settings import Settings


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the slow tests, too")


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow: script/test --slow runs it"))
        if "gpu" in item.keywords and not hardware.has_gpu():
            item.add_marker(pytest.mark.skip(reason="there is no NVIDIA GPU on this machine"))


for name in Settings.model_fields:
    os.environ.pop(name.upper(), None)  # the tests state their own; the machine's would change what they see


@pytest.fixture(scope="session")
def server():
    """A server that takes 32 predictions at once and templates; eager: compiling takes longer than all tests."""
    from granite.cli.server import Server

    with Server({"ENGINE_ARGS": json.dumps({"enforce_eager": True}), "TRUST_CHAT_TEMPLATE": "true"}) as server:
        server.wait()
        yield server


@pytest.fixture
def anyio_backend():
    """Ours is asyncio, as coglet's and vLLM's are."""
    return "asyncio"
