"""The immutable folder a model ships as: compiled, proved, written, read, verified."""
