"""The best accuracy for a number of instructions."""
