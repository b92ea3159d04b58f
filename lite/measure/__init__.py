"""What an engine answers for pictures: predictions, scores, validation."""
