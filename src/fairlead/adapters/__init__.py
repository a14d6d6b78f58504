"""One tool, one role, one file."""
