"""Real servers on loopback for tests, demos and benchmarks; each ends with its context."""
