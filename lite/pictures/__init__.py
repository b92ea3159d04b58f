"""Pictures: which ones a command takes, and how a file becomes the network's input tensor."""
