"""What `predict.py` tells its story with.

A request passes `sampling` (the caller's numbers), `prompt` (Granite's format), `engine` (vLLM), `answer` (what has been
generated so far) and `stream` (from the event loop to Cog). An operator's side is `settings`, `profile` and `weights`.
"""
