"""What can be asked and heard."""
