"""What is done to the exported program: PaddleSlim, ranges, the host twin."""
