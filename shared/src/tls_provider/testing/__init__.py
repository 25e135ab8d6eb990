"""What tests of charms are built from.

Keys, requests, authorities, verifiers and the conformance kit. Nothing of the package imports it,
and no artifact of a charm has to hold it.
"""
