"""The GPUs that this process may use, as NVIDIA's management library (NVML) describes them.

NVML starts no CUDA context: that would take memory on the GPU. Its package, nvidia-ml-py, is in the GPU lock alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from granite.errors import OperatorError

CUDA = 13000
"""The lowest version of CUDA that the driver must support, as NVML writes 13.0: PyTorch is built for it."""


@dataclass(frozen=True)
class Gpu:
    name: str
    memory: int
    """Bytes that CUDA can allocate: all, less what the driver reserves."""
    free: int
    """Bytes of them that nothing uses now."""
    capability: tuple[int, int]
    """CUDA's compute capability, such as (9, 0)."""


def visible(names: str | None) -> tuple[Gpu, ...]:
    """The GPUs of CUDA_VISIBLE_DEVICES, whose value `names` is: numbers, or UUIDs of GPUs or of slices. None: all.

    Raises OperatorError for a driver that is too old or does not answer.
    """
    import pynvml  # typed by nobody, and absent without a GPU

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise OperatorError(
            f"NVIDIA's driver does not answer ({error}); make `nvidia-smi` work here: restart the container, or the host if "
            "its driver was updated."
        ) from None
    try:
        driver, cuda = pynvml.nvmlSystemGetDriverVersion(), pynvml.nvmlSystemGetCudaDriverVersion_v2()
        if cuda < CUDA:
            raise OperatorError(
                f"NVIDIA's driver {driver} supports CUDA {_version(cuda)}, but this server needs {_version(CUDA)}; install "
                "driver 580 or newer."
            )
        if names is None:
            handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
            return tuple(_describe(pynvml, handle) for handle in handles)
        return tuple(_describe(pynvml, _handle(pynvml, name.strip())) for name in names.split(",") if name.strip())
    except pynvml.NVMLError as error:
        raise OperatorError(
            f"NVIDIA's driver does not describe the GPUs of CUDA_VISIBLE_DEVICES={names or ''} ({error}); `nvidia-smi -L` lists "
            "their numbers and UUIDs."
        ) from None
    finally:
        pynvml.nvmlShutdown()


def _version(cuda: int) -> str:
    return f"{cuda // 1000}.{cuda % 1000 // 10}"


def _handle(pynvml: Any, name: str) -> Any:
    return pynvml.nvmlDeviceGetHandleByIndex(int(name)) if name.isdecimal() else pynvml.nvmlDeviceGetHandleByUUID(name)


def _describe(pynvml: Any, handle: Any) -> Gpu:
    # Without its version NVML counts what the driver reserves as used, and so as memory.
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle, pynvml.nvmlMemory_v2)
    # A slice has memory of its own, and its GPU's compute capability.
    is_slice = pynvml.nvmlDeviceIsMigDeviceHandle(handle)
    whole = pynvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle) if is_slice else handle
    return Gpu(
        name=pynvml.nvmlDeviceGetName(handle),
        memory=memory.total - memory.reserved,
        free=memory.free,
        capability=tuple(pynvml.nvmlDeviceGetCudaComputeCapability(whole)),
    )
