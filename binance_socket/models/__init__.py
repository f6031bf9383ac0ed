"""What comes back, as immutable values."""
