"""PyramidionLM: the model, its checkpoints, its reading and its writing."""
