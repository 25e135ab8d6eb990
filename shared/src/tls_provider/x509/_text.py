"""Texts that stand in certificates or are shown: what they may be."""

from __future__ import annotations

import ipaddress
import re

_HOST_LABEL = re.compile(r'[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?', re.IGNORECASE | re.ASCII)


def printable(text: str, limit: int = 100) -> str:
    """A stranger's text for a log or a status: escaped where it is not printable, and cut."""
    escaped = ''.join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:limit])
    return f'{escaped[:limit]}...' if len(text) > limit or len(escaped) > limit else escaped


def is_host_name(text: str) -> bool:
    """Whether a text is a DNS name of RFC 1034 syntax, underscores allowed, no wildcard, no IP."""
    labels = text.split('.')
    numeric = labels[-1].isdigit()
    return len(text) <= 253 and not numeric and all(_is_label(label) for label in labels)


def is_ip_address(text: str) -> bool:
    """Whether a text is an address of IPv4 or IPv6, which may name a zone."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_label(text: str) -> bool:
    """A label of a host name; one that claims to be internationalised must be so (RFC 5891)."""
    if not _HOST_LABEL.fullmatch(text):
        return False
    if text[2:4] != '--':
        return True
    try:
        encoded = text.lower().removeprefix('xn--').encode()
        return text.lower().startswith('xn--') and not encoded.decode('punycode').isascii()
    except (UnicodeError, OverflowError):
        return False
