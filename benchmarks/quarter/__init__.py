"""A quarter of a model's life, simulated in minutes from real rows."""
