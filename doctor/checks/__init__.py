"""The checks: pure functions from an examined environment to findings, one file each."""
