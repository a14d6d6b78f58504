"""One file per family of estimators: how it is built, bounded, searched and compiled."""
