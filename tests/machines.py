"""Machines for the tests, as values."""

from granite.hardware import Hardware

GPU = Hardware(gpu=True, gpus=1, cores=(0, 1), bfloat16=True, compiler=True, shared_memory=None)
CPU = Hardware(gpu=False, gpus=None, cores=(0, 1), bfloat16=False, compiler=True, shared_memory=None)
