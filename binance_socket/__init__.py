"""Binance's sockets for everyone without asyncio."""

__version__ = "0.1.0"
