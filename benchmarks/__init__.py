"""
How fast the library is beside its peers: ``python -m benchmarks first-step``.

A replay server in a process of its own plays the exchange: it answers what each client asks before it listens, then
sends events that were encoded beforehand. Every client runs in a fresh process, each peer under the interpreter in
which it is installed (``python -m benchmarks peers DIRECTORY`` makes one), and counts what reached its callback.
"""
