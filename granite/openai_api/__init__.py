"""The OpenAI API on the engine that answers the Cog API: the same checks, prompts and answers."""
