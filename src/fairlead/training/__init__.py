"""Preprocessing, cross-validation and the fit of candidates."""
