"""A stand-in for a Juju controller and its unit agents, on one machine and for tests."""

VERSION = '3.6.8'
"""The Juju version that status, ``juju version`` and ``JUJU_VERSION`` report."""
