"""Adapters that write a run's outputs: a folder, Kafka topics, memory."""
