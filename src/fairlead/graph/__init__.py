"""The double-precision graph: its builder, expressions and trees as nodes, and its runtime."""
