"""Trains a DeiT in PaddleClas's form by DeiT's recipe, on one device or several, in one stage or many.

Stages of growing input size, the position embedding stretched between them, are what makes a run from nothing
affordable on two CPU cores. `loop.py` is where to begin reading.
"""
