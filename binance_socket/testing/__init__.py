"""Tools for testing programs that use this library."""
