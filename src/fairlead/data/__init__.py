"""Sources, the contract and its enforcement, checks, splits and fingerprints."""
