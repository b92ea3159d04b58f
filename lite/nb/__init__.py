"""Paddle Lite's file: reader, shapes, kernel check, and the optimizer that writes it."""
