"""Answer vLLM's and PyTorch's questions about GPUs for a card that this machine does not have."""

from types import SimpleNamespace

from granite.engine.cards import CARDS

GPUS = 4
PROCESSORS = {"L4": 58, "4090": 128, "A100-40": 108, "A100-80": 108, "L40S": 142, "H100": 132, "H200": 132, "B200": 148}
"""Streaming multiprocessors, by NVIDIA's data sheets."""


def install(name):
    """Give this process GPUs of this name; None: GPUs, of which it may ask nothing. Call before vLLM picks a platform."""
    import torch
    from vllm.third_party import pynvml

    answers = {
        pynvml: {"nvmlInit": None, "nvmlShutdown": None, "nvmlDeviceGetCount": GPUS},
        torch.cuda: {"is_available": True, "device_count": GPUS, "_device_count_nvml": GPUS, "current_device": 0},
    }
    for card in (card for card in CARDS if card.name == name):
        properties = SimpleNamespace(
            name=f"NVIDIA {name}",
            major=card.capability[0],
            minor=card.capability[1],
            total_memory=card.memory,
            multi_processor_count=PROCESSORS[name],
            is_integrated=False,
        )
        answers[pynvml] |= {
            "nvmlDeviceGetHandleByIndex": None,
            "nvmlDeviceGetName": properties.name,
            "nvmlDeviceGetCudaComputeCapability": card.capability,
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=card.memory, free=card.memory, used=0),
        }
        answers[torch.cuda] |= {
            "get_device_properties": properties,
            "get_device_capability": card.capability,
            "get_device_name": properties.name,
            "mem_get_info": (card.memory, card.memory),
            "set_device": None,
        }
    for module, functions in answers.items():
        for function, answer in functions.items():
            setattr(module, function, lambda *_, _answer=answer, **__: _answer)
