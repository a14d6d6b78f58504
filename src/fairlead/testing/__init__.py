"""Suites that prove an extension: shipped, so that a user's own passes the same ones."""
