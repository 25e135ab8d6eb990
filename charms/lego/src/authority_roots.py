"""The root above a chain: an ACME server sends the chain without it."""

from __future__ import annotations

import contextlib
import functools
import re
from typing import TYPE_CHECKING

from tls_provider import x509

if TYPE_CHECKING:
    import datetime
    import pathlib
    from collections.abc import Callable, Iterable, Iterator, Sequence

_BLOCK = re.compile(r'-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----', re.DOTALL)


class Roots:
    """Where roots are looked for, first of all among those that the operator gave."""

    def __init__(
        self,
        given: Sequence[str],
        published: Callable[[], Sequence[str]],
        bundles: Callable[[], Sequence[pathlib.Path]],
    ):
        """Nothing is read before it is needed.

        Args:
            given: PEM texts of one certificate each.
            published: Gives the PEM texts of the roots of published certificates.
            bundles: Gives files of roots that are trusted in general; those that are there count.

        """
        self._given = given
        self._published = published
        self._bundles = bundles

    def complete(
        self,
        certificate: x509.Certificate,
        above: Sequence[x509.Certificate],
        now: datetime.datetime,
    ) -> tuple[x509.Certificate, ...] | None:
        """The chain from the issuer of a certificate to a root; None where no root is known.

        A root that the server sent counts as known. Else it is looked for from the top of the
        chain downwards: a certificate that only binds a known root to an older, unknown one is
        left out.
        """
        sent = (certificate, *above)
        if x509.signed_by(sent[-1], sent[-1]):
            return tuple(above)
        for length in range(len(sent), 0, -1):
            below = sent[length - 1]
            if (root := self._above(below, now)) is not None:
                return (*sent[1:length], root)
        return None

    def _above(
        self, certificate: x509.Certificate, now: datetime.datetime
    ) -> x509.Certificate | None:
        """The root that signed; of several with one name and key, one that is valid now."""
        ended: x509.Certificate | None = None
        for one in self._known():
            if x509.signed_by(certificate, one):
                if one.not_before <= now <= one.not_after:
                    return one
                ended = ended or one
        return ended

    def anchors(self) -> tuple[str, ...]:
        """PEM texts of the roots in use, each once."""
        return tuple(dict.fromkeys(text.strip() for text in self._published()))

    def _known(self) -> Iterator[x509.Certificate]:
        yield from self._nearest
        yield from self._bundled

    @functools.cached_property
    def _nearest(self) -> list[x509.Certificate]:
        return _parsed([*self._given, *self._published()])

    @functools.cached_property
    def _bundled(self) -> list[x509.Certificate]:
        texts: list[str] = []
        for bundle in self._bundles():
            if bundle.is_file():
                texts += _BLOCK.findall(bundle.read_text(encoding='utf-8', errors='replace'))
        return _parsed(texts)


def _parsed(texts: Iterable[str]) -> list[x509.Certificate]:
    """Without those that no reader here knows: a bundle may hold any."""
    found: list[x509.Certificate] = []
    for text in texts:
        with contextlib.suppress(x509.Malformed):
            found.append(x509.parse_certificate(text))
    return found
