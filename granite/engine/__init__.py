"""How vLLM is started and spoken to: the only room that imports it."""
