"""Runs that prove that a stack does its job."""
