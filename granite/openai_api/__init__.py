"""The second door: vLLM's OpenAI server on the engine that answers Cog's predictions, with Granite's own rules."""
