"""The command line: ``python -m binance_socket``."""
