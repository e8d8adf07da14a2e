"""Which files are loaded, and whether they are complete."""
