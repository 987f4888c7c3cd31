"""Fast computation of layers and sums. Kernels know tensors and layers, but no network."""
