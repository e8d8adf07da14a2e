"""A server whose engine runs vLLM's model runner V2, the GPU's, on this CPU: its Triton kernels are interpreted.

A token takes a tenth of a second or more, so each answer is short, and requests go beside each other.
"""

import contextlib
import json
import os
from pathlib import Path

import httpx
import pytest

from granite.cli.server import Server, free_port
from tests.predictions import DEADLINE
from tests.samples import EXACT

ON_PATH = Path(__file__).parent / "on_path"
SETTINGS = {
    "ENGINE_ARGS": json.dumps(EXACT),
    "TRITON_INTERPRET": "1",
    "TRUST_CHAT_TEMPLATE": "true",
    "VLLM_USE_V2_MODEL_RUNNER": "1",
}


@contextlib.contextmanager
def server_of_v2(**settings):
    server = Server({**SETTINGS, "OPENAI_PORT": str(free_port()), **settings})
    server.variables["PYTHONPATH"] += f"{os.pathsep}{ON_PATH}"
    with server:
        server.wait()
        yield server


@pytest.fixture(scope="session")
def runner():
    """The last test of test_stops.py kills it."""
    with server_of_v2() as server:
        yield server


@pytest.fixture(scope="session")
def v2(runner):
    """A client of its Cog API."""
    with httpx.Client(base_url=runner.url, timeout=DEADLINE) as client:
        yield client


@pytest.fixture(scope="session")
def v2_http(runner):
    """A client of its OpenAI API."""
    with httpx.Client(base_url=runner.openai_url, timeout=DEADLINE) as client:
        yield client


@pytest.fixture(scope="module")
def lora_runner(lora_directory):
    """One with adapters, apart: on a CPU it refuses to score prompts."""
    with server_of_v2(ADAPTERS=str(lora_directory)) as server:
        yield server
