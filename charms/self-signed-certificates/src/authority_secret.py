"""The CA as the content of a Juju secret: texts that are checked when they are read."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from typing import TYPE_CHECKING

from local_ca import OVERLAP, LocalCA, Retiring
from tls_provider import x509

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping

    from local_ca import Options

_PARTS = ('private-key', 'ca-certificate', 'made-with', 'not-after', 'retiring', 'retire-at')
_END = '-----END CERTIFICATE-----'
MAX_RETIRING = 7000
"""Characters of all retiring certificates together; a value of a secret may have 8 KiB."""


def write(ca: LocalCA) -> dict[str, str]:
    """The content that `read` reads."""
    content = {
        'private-key': ca.private_key,
        'ca-certificate': ca.certificate,
        'made-with': ca.made_with,
        'not-after': str(ca.not_after),
    }
    if ca.retiring:
        content['retiring'] = '\n'.join(one.pem.strip() for one in ca.retiring)
        content['retire-at'] = ' '.join(str(one.until) for one in ca.retiring)
    return {**content, 'digest': _digest(content)}


def read(content: Mapping[str, str], options: Options, now: datetime.datetime) -> LocalCA:
    """The CA of a content that `write` gave; raises `x509.Malformed` where that is damaged."""
    _check(content)
    return LocalCA(
        private_key=content['private-key'],
        certificate=content['ca-certificate'],
        options=options,
        made_with=content['made-with'],
        not_after=int(content['not-after']),
        now=now,
        retiring=_read_retiring(content),
    )


def is_foreign(content: Mapping[str, str]) -> bool:
    """Whether Canonical's charm of the same name wrote a content."""
    return 'digest' not in content


def adopt(
    content: Mapping[str, str],
    expiring: Mapping[str, str],
    options: Options,
    now: datetime.datetime,
) -> LocalCA:
    """The CA of contents that Canonical's charm wrote; raises `x509.Malformed`.

    It is kept if it has the subject and the life that the options ask for. Its key stays even if
    new ones are made by another algorithm, so that a refresh replaces nothing.
    """
    from certificate_profile import Signer  # noqa: PLC0415 : imports cryptography

    key, certificate = content.get('private-key', ''), content.get('ca-certificate', '')
    end = x509.parse_certificate(certificate).not_after
    try:
        signer = Signer.load(key, certificate)
    except (ValueError, TypeError) as error:
        raise x509.Malformed(str(error)) from error
    same = signer.has_subject(options.subject) and signer.lives(options.ca_validity)
    made_with = options.ca_fingerprint if same else 'other'
    ca = LocalCA(key, certificate, options, made_with, int(end.timestamp()), now)
    before = expiring.get('ca-certificate', '')
    return dataclasses.replace(
        ca, retiring=_retire(before, (), _until(options, now, 0), now), adopted=True
    )


def superseded(ca: LocalCA, last: int) -> tuple[Retiring, ...]:
    """What is to be trusted beside the CA that comes after this one.

    Args:
        ca: The CA that is no longer in force.
        last: The end of the last of its certificates, in seconds since the epoch; 0: not known.

    """
    return _retire(ca.certificate, ca.retiring, _until(ca.options, ca.now, last), ca.now)


def rescued(
    pems: Iterable[str], options: Options, now: datetime.datetime, last: int
) -> tuple[Retiring, ...]:
    """What is to be trusted beside the CA that comes after one whose secret is lost.

    Args:
        pems: Certificates of the old CA as far as they were found; junk is left out.
        options: Of the new CA.
        now: The time.
        last: As for `superseded`.

    """
    retiring: tuple[Retiring, ...] = ()
    for pem in {one.strip(): one for one in pems}.values():
        retiring = _retire(pem, retiring, _until(options, now, last), now)
    return retiring


def trust_anchors(content: Mapping[str, str], now: datetime.datetime) -> list[str]:
    """The certificates of a content, newest first; raises `x509.Malformed`."""
    active = content.get('ca-certificate')
    if not active:
        return []
    if not is_foreign(content):
        _check(content)
    second = now.timestamp()
    return [active, *(one.pem for one in _read_retiring(content) if one.until > second)]


def _read_retiring(content: Mapping[str, str]) -> tuple[Retiring, ...]:
    parts = content.get('retiring', '').split(_END)[:-1]
    ends = content.get('retire-at', '').split()
    return tuple(
        Retiring(f'{part.strip()}\n{_END}', int(end))
        for part, end in zip(parts, ends, strict=False)
    )


def _until(options: Options, now: datetime.datetime, last: int) -> int:
    """How long certificates of a CA that is replaced now may be met."""
    end = last or int((now + options.validity).timestamp())
    return max(end, int((now + OVERLAP).timestamp()))


def _retire(
    pem: str, others: Iterable[Retiring], until: int, now: datetime.datetime
) -> tuple[Retiring, ...]:
    """The others with a certificate in front, as many as have room and have not ended."""
    try:
        until = min(until, int(x509.parse_certificate(pem).not_after.timestamp()))
    except x509.Malformed:
        until = 0
    every = [one for one in (Retiring(pem, until), *others) if one.until > now.timestamp()]
    sizes = itertools.accumulate(len(one.pem) for one in every)
    return tuple(one for one, size in zip(every, sizes, strict=True) if size <= MAX_RETIRING)


def _check(content: Mapping[str, str]) -> None:
    complete = all(part in content for part in _PARTS[:4])
    if not complete or content.get('digest') != _digest(content):
        raise x509.Malformed('its parts do not belong together')


def _digest(content: Mapping[str, str]) -> str:
    """Tells whether a content is as it was written, for less than parsing it would cost."""
    parts = [content[part] for part in _PARTS if part in content]
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()
