"""The network rewritten before calibration, one rewrite a file."""
