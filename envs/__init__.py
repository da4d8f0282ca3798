"""Simulated environments: physics, spaces, randomisation, success and failure, oracles."""
