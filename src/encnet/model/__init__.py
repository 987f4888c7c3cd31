"""The network, as the paper draws it."""
