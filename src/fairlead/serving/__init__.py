"""The data plane: scores requests with a bundle, and needs no training library."""
