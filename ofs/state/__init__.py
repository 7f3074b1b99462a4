"""Adapters that keep state: memory and RocksDB."""
