"""Post-training INT8: recipes, calibration, PaddleSlim, and the twin that checks the result on this host."""

# Its environment defaults must stand before Paddle loads, which modules in here import.
import lite  # noqa: F401
