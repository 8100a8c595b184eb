"""Two bundles of one network side by side: outputs, sizes, time, layer by layer."""
