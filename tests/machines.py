"""Machines for the tests, as values."""

from granite.engine.cards import find
from granite.gpu import Gpu
from granite.hardware import Hardware


def gpus(card, count=1):
    """Idle GPUs of a card's name."""
    card = find(card)
    return (Gpu(f"NVIDIA {card.name}", card.memory, card.memory, card.capability),) * count


GPU = Hardware(gpus=gpus("H100"), cores=(0, 1), bfloat16=True, compiler=True, nvcc=True, shared_memory=None)
CPU = Hardware(gpus=(), cores=(0, 1), bfloat16=False, compiler=True, nvcc=False, shared_memory=None)
