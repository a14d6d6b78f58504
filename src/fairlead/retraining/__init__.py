"""When a new model is trained, and on which rows."""
