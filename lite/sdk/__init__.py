"""Paddle Lite's C++ release for Android."""
