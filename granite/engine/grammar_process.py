"""Compiles grammars, each in a process that nothing else depends on: a script that forks itself for every one.

A schema of the caller's can overflow xgrammar's stack, which ends the process, or keep it busy for minutes. Here either
costs one small process. Not imported by anything: the engine starts it with a model's directory, the size of its
vocabulary, and the file descriptor of the socket that connections to the forked processes come from.

Written against xgrammar 0.2.8, and compiled as vLLM 0.32 does (v1/structured_output/backend_xgrammar.py).
"""

import json
import os
import re
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xgrammar
from transformers import AutoTokenizer

SECONDS = 2
"""Of processor time for one grammar. The engine compiles on one thread for all requests."""

MEMORY = 2**29
"""Bytes that compiling may add."""

STACK = 2**19
"""Bytes: a quarter of the smallest stack on which it is read again, that of coglet's thread for the event loop.

So what passes here is far from overflowing there. It holds 600 levels of `$ref` and a pattern of 1,000 parentheses.
"""

IGNORED = re.compile("Warning: (.*ignored.*)")
"""What xgrammar writes to stderr of a part of a pattern that it does not enforce. It may quote the pattern once for each."""

MAX_WARNINGS = 2**16
"""Bytes of them."""


def main(model: str, vocabulary: str, control: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokens = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=int(vocabulary))
    threading.stack_size(STACK)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    with socket.socket(fileno=int(control)) as requests:
        while True:
            message, (*connections,), _, _ = socket.recv_fds(requests, 1, 1)
            if not message:
                return  # the server has ended
            if os.fork() == 0:
                try:
                    answer(socket.socket(fileno=connections[0]), tokens)
                finally:
                    os._exit(0)
            os.close(connections[0])


def answer(connection: socket.socket, tokens: xgrammar.TokenizerInfo) -> None:
    """Read what to compile, and write the error's text, empty if there is none. Write nothing if it takes too much."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + SECONDS, int(used) + SECONDS))
    data = int(Path("/proc/self/status").read_text().partition("VmData:")[2].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (data + MEMORY, data + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_WARNINGS, MAX_WARNINGS))
    warnings = os.memfd_create("warnings")
    os.dup2(warnings, 2)
    with connection, connection.makefile("rb") as stream:
        wanted = json.load(stream)
        errors: list[str] = []
        thread = threading.Thread(target=attempt, args=(wanted, tokens, errors))
        thread.start()
        thread.join()
        errors = errors or IGNORED.findall(os.pread(warnings, MAX_WARNINGS, 0).decode(errors="replace"))[:1]
        connection.sendall(json.dumps(errors).encode())


def attempt(wanted: dict[str, Any], tokens: xgrammar.TokenizerInfo, errors: list[str]) -> None:
    try:
        compile_grammar(tokens=tokens, **wanted)
    except Exception as error:  # xgrammar's own kinds, and a recursive schema's
        errors.append(str(error) or type(error).__name__)


def compile_grammar(kind: str, text: str, compact: bool, tokens: xgrammar.TokenizerInfo) -> None:
    """`compact`: JSON without free white space."""
    compiler = xgrammar.GrammarCompiler(tokens, max_threads=1, cache_enabled=False)
    if kind == "json":
        separators = (",", ":") if compact else None
        compiler.compile_json_schema(text, any_whitespace=not compact, separators=separators)
    else:
        compilers: dict[str, Callable[[str], object]] = {
            "regex": compiler.compile_regex,
            "grammar": compiler.compile_grammar,
            "lark": compiler.compile_lark,
            "structural_tag": compiler.compile_structural_tag,
        }
        compilers[kind](text)


if __name__ == "__main__":
    main(*sys.argv[1:])
