"""A year of real departures as a log, the decisions of a live plane over it, and the demo that replays them."""
