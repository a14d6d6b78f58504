"""Prediction protocols that other tools speak."""
