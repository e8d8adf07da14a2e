"""What the tests share: the options, and real Cog servers with the real engine on the demo weights."""

import json
import os

import httpx
import pytest

from granite.cli.server import Server, free_port
from granite.hardware import has_gpu
from granite.settings import Settings
from tests.collector import Collector
from tests.predictions import DEADLINE
from tests.samples import EXACT

KEY = "a-key-of-the-tests"


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the slow tests, too")


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow: script/test --slow runs it"))
        if "gpu" in item.keywords and not has_gpu():
            item.add_marker(pytest.mark.skip(reason="there is no NVIDIA GPU on this machine"))


for name in Settings.model_fields:
    os.environ.pop(name.upper(), None)  # the tests set their own; the machine's would change what they see


@pytest.fixture(scope="session")
def server():
    """Both APIs with 32 slots each, and templates from requests."""
    settings = {
        "ENGINE_ARGS": json.dumps(EXACT),
        "TRUST_CHAT_TEMPLATE": "true",
        "OPENAI_PORT": str(free_port()),
        "OPENAI_API_KEY": KEY,
    }
    with Server(settings) as server:
        server.wait()
        yield server


@pytest.fixture(scope="session")
def cog(server):
    """A client of the Cog API."""
    with httpx.Client(base_url=server.url, timeout=DEADLINE) as client:
        yield client


@pytest.fixture(scope="session")
def http(server):
    """A client of the OpenAI API."""
    with httpx.Client(
        base_url=server.openai_url, timeout=DEADLINE, headers={"Authorization": f"Bearer {KEY}"}
    ) as client:
        yield client


@pytest.fixture(scope="session")
def lora_directory(tmp_path_factory):
    """Two adapters, and one that changes nothing."""
    from tests import adapters

    root = tmp_path_factory.mktemp("adapters")
    for name, seed in adapters.SEEDS.items():
        adapters.write(root / name, seed)
    adapters.write(root / "idle", 3, size=0)
    return root


@pytest.fixture(scope="session")
def operated(lora_directory, collector):
    """A server as an operator may set it: adapters, traces, JSON logs without prompts, the OpenAI API on loopback.

    In float32: beside rounding, an adapter's sum would not show. The last test of test_operator.py kills it.
    """
    arguments = {**EXACT, "otlp_traces_endpoint": collector.url, "max_num_queued_tokens": 6000}
    settings = {
        "ADAPTERS": str(lora_directory),
        "ENGINE_ARGS": json.dumps(arguments),
        "LOG_FORMAT": "json",
        "LOG_PROMPTS": "false",
        "OPENAI_PORT": str(free_port()),
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "TRUST_CHAT_TEMPLATE": "true",
    }
    with Server(settings) as server:
        server.wait()
        yield server


@pytest.fixture(scope="session")
def operated_cog(operated):
    """A client of its Cog API."""
    with httpx.Client(base_url=operated.url, timeout=DEADLINE) as client:
        yield client


@pytest.fixture(scope="session")
def collector():
    with Collector() as collector:
        yield collector


@pytest.fixture
def anyio_backend():
    """Ours is asyncio, as coglet's and vLLM's are."""
    return "asyncio"
