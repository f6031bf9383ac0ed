"""One module per client: each runs in its own process and prints one line of JSON about what it did."""
