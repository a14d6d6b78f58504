"""Metrics with their uncertainty, the leaderboard, and the pictures of both."""
