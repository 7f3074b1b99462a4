"""The parts of the suite: each takes a scene, and gives its results as JSON values."""
