"""The network: weights and their doors, the deployable form, the exported program."""
