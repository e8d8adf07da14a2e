"""Keep what quotes a request out of vLLM's log: each process of vLLM's imports this module with its configuration.

Written against vLLM 0.32.
"""

import logging

from vllm.config import LoggingConfig

QUOTING = ("vllm.logging_utils.dump_input", "vllm.v1.structured_output")
"""Loggers: of the dump of a dying engine, and of a grammar that does not compile."""


class QuietLogging(LoggingConfig):
    """vLLM's own configuration, of a class that is found in this module."""


for name in QUOTING:
    # Not by a level: vLLM sets it back when it applies its configuration.
    logging.getLogger(name).addFilter(lambda record: False)
