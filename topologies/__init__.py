"""Short compositions of the library: the replay, the live feature plane, and two worlds of events to run them on."""
