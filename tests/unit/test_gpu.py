"""What NVIDIA's management library says of the GPUs, its functions answered for a machine that has two and a slice."""

from types import SimpleNamespace

import pynvml
import pytest

from granite import gpu
from granite.errors import OperatorError
from granite.gpu import Gpu

MIB = 2**20
L4 = Gpu("NVIDIA L4", memory=22559 * MIB, free=22000 * MIB, capability=(8, 9))
A100 = Gpu("NVIDIA A100-SXM4-40GB", memory=40000 * MIB, free=40000 * MIB, capability=(8, 0))
SLICE = Gpu("NVIDIA A100-SXM4-40GB MIG 3g.20gb", memory=20000 * MIB, free=20000 * MIB, capability=(8, 0))
HANDLES = {"GPU-1": L4, "GPU-2": A100, "MIG-3": SLICE}


@pytest.fixture
def nvml(monkeypatch):
    """Answers each function of the real module; `fail` makes one raise."""

    def by_index(index):
        if index > 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_INVALID_ARGUMENT)
        return f"GPU-{index + 1}"

    def by_uuid(uuid):
        if uuid not in HANDLES:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return uuid

    def memory(handle, version):
        assert version == pynvml.nvmlMemory_v2
        described = HANDLES[handle]
        return SimpleNamespace(total=described.memory + 475 * MIB, reserved=475 * MIB, free=described.free)

    shut = []
    answers = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: shut.append(True),
        "nvmlSystemGetDriverVersion": lambda: "580.95.05",
        "nvmlSystemGetCudaDriverVersion_v2": lambda: 13000,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": by_index,
        "nvmlDeviceGetHandleByUUID": by_uuid,
        "nvmlDeviceGetMemoryInfo": memory,
        "nvmlDeviceIsMigDeviceHandle": lambda handle: int(handle.startswith("MIG")),
        "nvmlDeviceGetDeviceHandleFromMigDeviceHandle": lambda handle: "GPU-2",
        "nvmlDeviceGetName": lambda handle: HANDLES[handle].name,
        "nvmlDeviceGetCudaComputeCapability": lambda handle: {"GPU-1": (8, 9), "GPU-2": (8, 0)}[handle],
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)

    def fail(name, code):
        def raises(*_):
            raise pynvml.NVMLError(code)

        monkeypatch.setattr(pynvml, name, raises)

    yield SimpleNamespace(fail=fail, shut=shut)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (None, (L4, A100)),
        ("1", (A100,)),
        ("1, 0", (A100, L4)),
        ("GPU-2", (A100,)),
        ("MIG-3", (SLICE,)),
        ("", ()),
    ],
)
def test_the_gpus_that_cuda_sees(nvml, names, found):
    assert gpu.visible(names) == found
    assert nvml.shut == [True]


@pytest.mark.parametrize("names", ["2", "GPU-9"])
def test_an_unknown_gpu_is_one_sentence(nvml, names):
    with pytest.raises(OperatorError) as caught:
        gpu.visible(names)
    reason = "Invalid Argument" if names == "2" else "Not Found"
    assert str(caught.value) == (
        f"NVIDIA's driver does not describe the GPUs of CUDA_VISIBLE_DEVICES={names} ({reason}); `nvidia-smi -L` lists their "
        "numbers and UUIDs."
    )


def test_an_old_driver_is_one_sentence(nvml, monkeypatch):
    monkeypatch.setattr(pynvml, "nvmlSystemGetDriverVersion", lambda: "550.144.03")
    monkeypatch.setattr(pynvml, "nvmlSystemGetCudaDriverVersion_v2", lambda: 12040)
    with pytest.raises(OperatorError) as caught:
        gpu.visible(None)
    assert str(caught.value) == (
        "NVIDIA's driver 550.144.03 supports CUDA 12.4, but this server needs 13.0; install driver 580 or newer."
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "NVML Shared Library Not Found"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "RM has detected an NVML/RM version mismatch."),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "Driver Not Loaded"),
    ],
)
def test_a_driver_that_does_not_answer_is_one_sentence(nvml, code, reason):
    nvml.fail("nvmlInit", code)
    with pytest.raises(OperatorError) as caught:
        gpu.visible(None)
    assert str(caught.value) == (
        f"NVIDIA's driver does not answer ({reason}); make `nvidia-smi` work here: restart the container, or the host if its "
        "driver was updated."
    )


def test_this_machines_driver_is_asked():
    """Without a driver NVIDIA's own library says so."""
    try:
        assert gpu.visible(None)
    except OperatorError as error:
        assert str(error).startswith("NVIDIA's driver does not answer (NVML Shared Library Not Found); ")
