"""Instructions on an ARM core: of a `.nb`, and of a form before anything is converted."""
