"""The network for other engines."""
