"""A DeiT behind Triton Inference Server: the model repository, what runs in it, and the server's process.

Triton speaks the Open Inference Protocol over HTTP and gRPC, forms batches of what waits, and runs each instance of a
model in a process of its own (its Python backend).
"""
