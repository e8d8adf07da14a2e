"""Lets vLLM's model runner V2, the GPU's, run on a CPU: its Triton kernels are interpreted.

Python imports this module in every process whose PYTHONPATH names this directory, before vLLM is imported. With it go
TRITON_INTERPRET=1, VLLM_USE_V2_MODEL_RUNNER=1 and `enforce_eager`.
"""

import importlib.util
import sys
from importlib.abc import Loader, MetaPathFinder
from types import SimpleNamespace

TOP_K_TOP_P = "vllm.v1.sample.ops.topk_topp_sampler"


class Driver:
    """What Triton asks of a driver before it interprets a kernel: that one is there."""

    @staticmethod
    def is_active():
        return True

    def get_current_device(self):
        return 0

    def get_current_target(self):
        return SimpleNamespace(backend="cpu", arch="interpreter", warp_size=1)

    def get_current_stream(self, device=0):
        return 0


class TopKTopP(MetaPathFinder, Loader):
    """Puts vLLM's own PyTorch form of one kernel in its place: it relies on tensors where the interpreter has ints."""

    def find_spec(self, name, path, target=None):
        if name != TOP_K_TOP_P:
            return None
        sys.meta_path.remove(self)
        self._spec = importlib.util.find_spec(name)
        return importlib.util.spec_from_loader(name, self, origin=self._spec.origin)

    def create_module(self, spec):
        return importlib.util.module_from_spec(self._spec)

    def exec_module(self, module):
        self._spec.loader.exec_module(module)
        module.apply_top_k_top_p_triton = lambda logits, k, p, *_, **__: module.apply_top_k_top_p_pytorch(logits, k, p)


def install():
    from triton.backends import backends

    backends["cpu"] = SimpleNamespace(driver=Driver, compiler=None)
    sys.meta_path.insert(0, TopKTopP())


install()
