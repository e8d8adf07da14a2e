"""An answer as its caller receives it: text as it is generated, or OpenAI's completion objects."""
