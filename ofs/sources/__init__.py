"""Adapters that read: Kafka, archive, memory, and several of them as one logical log."""
