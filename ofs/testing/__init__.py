"""Contract checks that every implementation of a port must pass; free of any test framework."""
