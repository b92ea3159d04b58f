"""Which layer and which tensor costs what."""
