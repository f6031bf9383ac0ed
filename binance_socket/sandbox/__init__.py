"""The embedded exchange: a real server on loopback."""
