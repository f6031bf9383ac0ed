"""What a session decides, without I/O, threads or clocks. Pure."""
