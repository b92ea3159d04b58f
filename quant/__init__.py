"""Post-training INT8: recipes, calibration, PaddleSlim, and the twin that checks the result on this host."""
