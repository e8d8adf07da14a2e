"""More than one rank: what is refused, and which cores each one gets."""

import dataclasses
import json

import pytest

from granite.engine import parallel
from granite.errors import SettingsError
from granite.model.weights import Weights
from granite.settings import Settings
from tests.machines import CPU, GPU, gpus


@pytest.fixture
def check(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": 49300}))
    return lambda hardware, **given: parallel.check(Settings(engine_args=given), hardware, Weights(tmp_path))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"data_parallel_size": 0}, "it must be a whole number of at least 1."),
        ({"tensor_parallel_size": "2"}, "it must be a whole number of at least 1."),
        ({"pipeline_parallel_size": 2}, "it crashes vLLM on a CPU; use tensor_parallel_size or data_parallel_size."),
        ({"tensor_parallel_size": 9}, "it must divide the 49344 rows of the padded vocabulary."),
    ],
)
def test_what_cannot_work_is_one_sentence(check, given, reason):
    with pytest.raises(SettingsError) as caught:
        check(CPU, **given)
    assert str(caught.value) == f"ENGINE_ARGS={json.dumps(given)} is invalid: {reason}"


def test_more_ranks_than_gpus_are_refused(check):
    """Unless they run on several machines."""
    five = dataclasses.replace(GPU, gpus=gpus("H100", 5))
    sizes = {"tensor_parallel_size": 3, "data_parallel_size": 2}
    with pytest.raises(SettingsError) as caught:
        check(five, **sizes)
    assert str(caught.value) == (
        "ENGINE_ARGS needs 6 GPUs (tensor_parallel_size 3 x data_parallel_size 2 x pipeline_parallel_size 1), "
        "but this machine has 5; lower a size or add GPUs."
    )
    check(dataclasses.replace(GPU, gpus=gpus("H100", 6)), **sizes)
    for spread in ({"nnodes": 2}, {"data_parallel_size_local": 1}, {"distributed_executor_backend": "ray"}):
        check(five, **sizes, **spread)


@pytest.mark.parametrize(("machine", "given"), [(CPU, {}), (GPU, {"tensor_parallel_size": 2})])
def test_workers_need_shared_memory(check, machine, given):
    """Docker gives a container 64 MiB of it. A single GPU's worker is no process of its own."""
    docker = dataclasses.replace(machine, gpus=machine.gpus * 2, shared_memory=64 * 2**20)
    with pytest.raises(SettingsError) as caught:
        check(docker, **given)
    assert str(caught.value) == (
        "/dev/shm has 64 MiB free, and vLLM's processes need 256 MiB; start the container with --shm-size 1g (in Compose: "
        "shm_size; in Kubernetes: a volume in memory)."
    )
    check(dataclasses.replace(docker, shared_memory=parallel.SHARED_MEMORY), **given)
    check(dataclasses.replace(GPU, shared_memory=64 * 2**20))


@pytest.mark.parametrize(
    ("cores", "ranks", "groups"),
    [
        ((0, 1), 1, [(0, 1)]),
        ((0, 1), 3, [(0,), (1,), (1,)]),
        ((4, 5, 6, 7, 9), 2, [(4, 5, 6), (7, 9)]),
        ((0,), 3, [(0,), (0,), (0,)]),
    ],
)
def test_each_rank_has_its_own_cores_if_there_are_enough(cores, ranks, groups):
    assert parallel.core_groups(cores, ranks) == groups
