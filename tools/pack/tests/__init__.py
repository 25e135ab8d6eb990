"""Tests of the packer; a package, so that they may share what is in `trial`."""
