"""What the CAs of a chain let be below them: path lengths and names (RFC 5280, 4.2.1.9, 4.2.1.10).

As `openssl verify` reads them, so that whatever is published verifies there: those of the root
count too, and a name that is constrained in a way that is not known here is refused.
"""

from __future__ import annotations

import ipaddress
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tls_provider.x509 import is_host_name, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tls_provider.x509 import Certificate

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Value = TypeVar('_Value', bound=x509.ExtensionType)
_Named = tuple[type[x509.GeneralName], object]
"""A name with its kind."""
_PURPOSES = {
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    ExtendedKeyUsageOID.SERVER_AUTH,
    ExtendedKeyUsageOID.CLIENT_AUTH,
}


def unusable(path: Sequence[Certificate], hosts: Sequence[str]) -> str | None:
    """See `x509.unusable_authority`."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # as in violation
        loaded = [x509.load_der_x509_certificate(one.der) for one in path]
        for one, authority in zip(path, loaded, strict=True):
            if wrong := _unknown(authority) or _misused(authority):
                return f'"{printable(one.subject, 80)}" {wrong}'
        wrong = _too_long(path, loaded) or _forbidden(path, loaded, is_leaf_first=False)
        return wrong or _unreachable(path, loaded, hosts)


def _unknown(certificate: x509.Certificate) -> str:
    for one in certificate.extensions:
        if one.critical and isinstance(one.value, x509.UnrecognizedExtension):
            return f'has a critical extension that nobody knows ({one.oid.dotted_string})'
    return ''


def _misused(authority: x509.Certificate) -> str:
    purposes = _extension(authority, x509.ExtendedKeyUsage)
    is_wrong = purposes is not None and _PURPOSES.isdisjoint(purposes)
    return 'is not for servers and clients (extended key usage)' if is_wrong else ''


def _unreachable(
    path: Sequence[Certificate], loaded: list[x509.Certificate], hosts: Sequence[str]
) -> str | None:
    for one, authority in zip(path, loaded, strict=True):
        constraints = _extension(authority, x509.NameConstraints)
        if constraints is None:
            continue
        shown = printable(one.subject, 80)
        for host in hosts:
            if not _is_allowed((x509.DNSName, host), constraints):
                return f'"{shown}" may not certify {printable(host)} (name constraints)'
        permitted = constraints.permitted_subtrees or ()
        limits = [str(part.value) for part in permitted if isinstance(part, x509.DNSName)]
        if limits and not hosts:
            only = printable(', '.join(limits), 80)
            return f'"{shown}" may certify {only} only (name constraints), and any is allowed'
    return None


def violation(path: Sequence[Certificate]) -> str | None:
    """What in a path from a certificate to its root a CA of the path does not allow, or None.

    A CA certificate is there for certificates below it: it counts for the length of the path.

    Args:
        path: Each is signed by the next.

    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # authorities write longer names than X.520 has
        return _violation(path, [x509.load_der_x509_certificate(one.der) for one in path])


def _violation(path: Sequence[Certificate], loaded: list[x509.Certificate]) -> str | None:
    for one, certificate in zip(path, loaded, strict=True):
        if wrong := _unknown(certificate):
            return f'"{printable(one.subject, 80)}" {wrong}'
    first = 0 if path[0].is_ca else 1
    wrong = _too_long(path[first:], loaded[first:])
    return wrong or _forbidden(path, loaded, is_leaf_first=True)


def _too_long(path: Sequence[Certificate], loaded: list[x509.Certificate]) -> str | None:
    """Which CA of a path without its leaf allows fewer CAs below it than there are."""
    between = 0
    for one, authority in zip(path, loaded, strict=True):
        if (most := _path_length(authority)) is not None and between > most:
            return (
                f'"{printable(one.subject, 80)}" allows {most} CAs between it and the '
                f'certificate (path length), and there are {between}'
            )
        between += authority.subject != authority.issuer
    return None


def _forbidden(
    path: Sequence[Certificate], loaded: list[x509.Certificate], *, is_leaf_first: bool
) -> str | None:
    """Which name in a path a CA above it does not allow."""
    for place, authority in enumerate(loaded[1:], start=1):
        constraints = _extension(authority, x509.NameConstraints)
        for below, one in enumerate(loaded[:place] if constraints else ()):
            is_last = is_leaf_first and below == 0
            if not is_last and one.subject == one.issuer:
                continue  # of an authority that renews its own key
            for name in _names(one, is_last=is_last):
                if constraints and not _is_allowed(name, constraints):
                    shown = printable(path[place].subject, 80)
                    return f'"{shown}" may not certify {_shown(name)} (name constraints)'
    return None


def _path_length(authority: x509.Certificate) -> int | None:
    constraints = _extension(authority, x509.BasicConstraints)
    return constraints.path_length if constraints else None


def _extension(certificate: x509.Certificate, kind: type[_Value]) -> _Value | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _names(certificate: x509.Certificate, *, is_last: bool) -> list[_Named]:
    """Every name: alternative ones, the subject, its mail address, and a common name like a host.

    The common name counts in the last certificate only, and where there is no alternative host.
    """
    extension = _extension(certificate, x509.SubjectAlternativeName)
    listed: list[x509.GeneralName] = list(extension) if extension else []
    names: list[_Named] = [(type(one), one.value) for one in listed]
    subject = certificate.subject
    if is_last and not any(isinstance(one, x509.DNSName) for one in listed):
        texts = [str(one.value) for one in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        names += [(x509.DNSName, one) for one in texts if '.' in one and is_host_name(one)]
    mails = subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)
    names += [(x509.RFC822Name, str(one.value)) for one in mails]
    if list(subject):
        names.append((x509.DirectoryName, subject))
    return names


def _is_allowed(name: _Named, constraints: x509.NameConstraints) -> bool:
    kind, value = name
    permitted = [one for one in constraints.permitted_subtrees or () if isinstance(one, kind)]
    excluded = [one for one in constraints.excluded_subtrees or () if isinstance(one, kind)]
    if kind not in _WITHIN:
        return not permitted and not excluded
    within = _WITHIN[kind]
    if any(within(value, one.value) for one in excluded):
        return False
    return not permitted or any(within(value, one.value) for one in permitted)


def _host_within(host: str, domain: str) -> bool:
    """Whether a host is a domain or below it; below it alone where that begins with a dot."""
    host, domain = host.lower(), domain.lower()
    parent = domain if domain.startswith('.') else f'.{domain}'
    return not domain or host == domain or host.endswith(parent)


def _address_within(address: _Address, network: _Network) -> bool:
    return address.version == network.version and address in network


def _subject_within(subject: x509.Name, start: x509.Name) -> bool:
    """Whether a subject begins as another name; case and the number of blanks do not matter."""
    wanted = _plain(start)
    return _plain(subject)[: len(wanted)] == wanted


def _plain(name: x509.Name) -> list[set[tuple[str, str]]]:
    return [
        {(one.oid.dotted_string, ' '.join(str(one.value).split()).lower()) for one in part}
        for part in name.rdns
    ]


_WITHIN: dict[type[x509.GeneralName], Callable[[Any, Any], bool]] = {
    x509.DNSName: _host_within,
    x509.IPAddress: _address_within,
    x509.DirectoryName: _subject_within,
}


def _shown(name: _Named) -> str:
    kind, value = name
    if isinstance(value, x509.Name):
        return f'the subject "{printable(value.rfc4514_string(), 80)}"'
    known = f' as {kind.__name__}' if kind not in _WITHIN else ''
    return f'{printable(str(value), 80)}{known}'
