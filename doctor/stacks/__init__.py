"""Known-good sets: lockfiles, creation, drift."""
