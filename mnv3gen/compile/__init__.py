"""From a graph, weights and a target to a bundle of device-specific binaries."""
