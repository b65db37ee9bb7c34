"""`sumpool bench`: what a summary costs, beside what it costs by other ways with the same weights."""
