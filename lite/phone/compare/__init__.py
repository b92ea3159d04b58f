"""Several benches beside each other: of any phones, days and commits, by their `results.json`."""
