"""`script/gpu-check`: what this package does on a GPU, as one report."""
