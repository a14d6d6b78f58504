"""What a model really sees: windows, sketches, drift, labels, realised quality, alerts."""
