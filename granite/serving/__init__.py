"""How an answer travels from the engine to Cog, and how a server lives and ends."""
