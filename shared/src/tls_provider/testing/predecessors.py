"""Canonical's charms of the same names, as far as they leave something in Juju.

Each is a charm on the provider side of the requirers' library, which writes its databags. Options,
endpoints, labels and contents of secrets are those of the charm that it stands for. What happens
to a request is in its names: see `DENIED` and `ENDED`.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

import ops
from charmlibs.interfaces import certificate_transfer, tls_certificates
from cryptography import x509 as c509
from cryptography.hazmat.primitives import serialization
from ops import testing

from tls_provider import x509
from tls_provider.testing import pki

DENIED = 'denied.example'
"""A request for this name gets an error."""
ENDED = 'ended.example'
"""A request for this name gets a certificate that ended some days ago."""

ACTIVE, EXPIRING = 'active-ca-certificates', 'expiring-ca-certificates'
"""Labels of the secrets of self-signed-certificates."""
ACCOUNT = 'acme-account-details'
"""Label of the secret of lego."""

_LIFE = datetime.timedelta(days=90)
_AGE = datetime.timedelta(days=100)
"""Of the certificates that have ended."""
_RIGHTS = (c509.ExtendedKeyUsage,)
"""What the library leaves out of a leaf."""
_TRACING = {'tracing': {'interface': 'tracing', 'limit': 1}}


class Predecessor(ops.CharmBase):
    """Answers in relation-changed; in config-changed it marks every certificate as revoked."""

    name: ClassVar[str]
    options: ClassVar[Mapping[str, Any]]
    """Types and defaults, as in config.yaml."""
    trust: ClassVar[str] = 'send-ca-cert'
    """Endpoint that tells clients what to trust."""
    requires: ClassVar[Mapping[str, Mapping[str, object]]] = {}

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.certificates = tls_certificates.TLSCertificatesProvidesV4(self, 'certificates')
        self.transfer = certificate_transfer.CertificateTransferProvides(self, self.trust)
        framework.observe(self.on['certificates'].relation_changed, self._on_changed)
        framework.observe(self.on.config_changed, self._on_config_changed)

    @classmethod
    def context(cls) -> testing.Context[ops.CharmBase]:
        """A context that knows its metadata."""
        provides = {
            'certificates': {'interface': 'tls-certificates'},
            cls.trust: {'interface': 'certificate_transfer'},
        }
        meta = {'name': cls.name, 'provides': provides, 'requires': cls.requires}
        return testing.Context(cls, meta=meta, config={'options': cls.options})

    def authority(self) -> pki.Authority:
        """The CA that issues, below or without others."""
        raise NotImplementedError

    def chain(self, leaf: x509.Certificate) -> list[str]:
        """What is published as the chain of a certificate."""
        return [leaf.pem, *(one.pem for one in self.authority().chain)]

    def _on_changed(self, _: ops.RelationChangedEvent) -> None:
        for request in self.certificates.get_outstanding_certificate_requests():
            if DENIED in request.certificate_signing_request.sans_dns:
                self._deny(request)
            else:
                self._answer(request)

    def _deny(self, request: tls_certificates.RequirerCertificateRequest) -> None:
        code = tls_certificates.CertificateRequestErrorCode.DOMAIN_NOT_ALLOWED
        error = tls_certificates.CertificateError(
            code=code, name=code.name, message='not allowed', reason='rejectedIdentifier'
        )
        self.certificates.set_relation_error(
            tls_certificates.ProviderCertificateError(
                request.relation_id, request.certificate_signing_request, error
            )
        )

    def _answer(self, request: tls_certificates.RequirerCertificateRequest) -> None:
        csr = request.certificate_signing_request
        leaf = self.sign(x509.parse_request(str(csr)), is_ca=request.is_ca)
        ca = self.authority().certificate.pem
        parse = tls_certificates.Certificate.from_string
        self.certificates.set_relation_certificate(
            tls_certificates.ProviderCertificate(
                relation_id=request.relation_id,
                certificate=parse(leaf.pem),
                certificate_signing_request=csr,
                ca=parse(ca),
                chain=[parse(pem) for pem in self.chain(leaf)],
            )
        )
        self.transfer.add_certificates({ca.strip()})

    def sign(self, csr: x509.SigningRequest, *, is_ca: bool) -> x509.Certificate:
        """A certificate for a request."""
        age = datetime.timedelta(minutes=1)
        if ENDED in {name.value for name in csr.names}:
            age = _AGE
        start = datetime.datetime.now(datetime.timezone.utc) - age
        without = () if is_ca else _RIGHTS
        return self.authority().sign(csr, start=start, life=_LIFE, is_ca=is_ca, without=without)

    def _on_config_changed(self, event: ops.ConfigChangedEvent) -> None:
        del event
        self.certificates.revoke_all_certificates()


class SelfSigned(Predecessor):
    """With a CA in a secret, and after config-changed a new one there and the old one in another.

    What it marks as revoked then it issues again in a later hook.
    """

    name = 'self-signed-certificates'
    subject: ClassVar[Mapping[str, str]] = {
        'ca-common-name': 'common_name',
        'ca-organization': 'organization',
        'ca-organizational-unit': 'organizational_unit',
        'ca-email-address': 'email_address',
        'ca-country-name': 'country_name',
        'ca-state-or-province-name': 'state_or_province_name',
        'ca-locality-name': 'locality_name',
    }
    """Options of the CA's subject, and what the library calls them."""
    options: ClassVar = {
        **{option: {'type': 'string'} for option in subject},
        'ca-common-name': {'type': 'string', 'default': 'self-signed-certificates-operator'},
        'root-ca-validity': {'type': 'string', 'default': '365d'},
        'certificate-validity': {'type': 'string', 'default': '90d'},
        'certificate-limit': {'type': 'int', 'default': 99},
    }
    requires: ClassVar = _TRACING

    def authority(self) -> pki.Authority:
        """That of the secret, which is made when there is none."""
        return authority(self._content())

    def _content(self) -> dict[str, str]:
        try:
            return self.model.get_secret(label=ACTIVE).get_content(refresh=True)
        except ops.SecretNotFoundError:
            content = self._make()
            self.app.add_secret(content, label=ACTIVE)
            return content

    def _on_config_changed(self, event: ops.ConfigChangedEvent) -> None:
        super()._on_config_changed(event)
        self.app.add_secret(self._content(), label=EXPIRING)
        self.model.get_secret(label=ACTIVE).set_content(self._make())

    def _make(self) -> dict[str, str]:
        parts = {name: self.config.get(option) for option, name in self.subject.items()}
        attributes: Any = {name: str(part) for name, part in parts.items() if part}
        key = tls_certificates.PrivateKey.generate()
        ca = tls_certificates.Certificate.generate_self_signed_ca(
            tls_certificates.CertificateRequestAttributes(**attributes, is_ca=True),
            key,
            datetime.timedelta(days=int(str(self.config['root-ca-validity']).rstrip('d'))),
        )
        return {'private-key': str(key), 'ca-certificate': str(ca)}

    def sign(self, csr: x509.SigningRequest, *, is_ca: bool) -> x509.Certificate:
        """By the library, whose certificates start now."""
        if ENDED in {name.value for name in csr.names}:
            return super().sign(csr, is_ca=is_ca)
        content = self._content()
        leaf = tls_certificates.Certificate.generate(
            tls_certificates.CertificateSigningRequest.from_string(csr.pem),
            tls_certificates.Certificate.from_string(content['ca-certificate']),
            tls_certificates.PrivateKey.from_string(content['private-key']),
            _LIFE,
            is_ca=is_ca,
        )
        return x509.parse_certificate(str(leaf))


class Manual(Predecessor):
    """With certificates that people have brought, and no secret."""

    name = 'manual-tls-certificates'
    options: ClassVar = {'trusted-certificate-bundle': {'type': 'string'}}
    trust = 'trust_certificate'
    requires: ClassVar = _TRACING
    people: ClassVar = pki.Authority.root('the organisation')

    def authority(self) -> pki.Authority:
        """That of the people."""
        return self.people


class Lego(Predecessor):
    """With the account of an ACME server in a secret of the unit."""

    name = 'lego'
    options: ClassVar = {
        'email': {'type': 'string'},
        'server': {
            'type': 'string',
            'default': 'https://acme-v02.api.letsencrypt.org/directory',
        },
        'plugin': {'type': 'string'},
        'plugin-config-secret-id': {'type': 'string'},
        'eab-secret-id': {'type': 'string'},
        'acme-ca-certificates': {'type': 'string'},
        'dns-propagation-wait': {'type': 'int'},
        'dns-nameservers': {'type': 'string'},
        'disable-cname-support': {'type': 'boolean', 'default': False},
        'expiry_ratio': {'type': 'float', 'default': 0.15},
    }
    requires: ClassVar = {
        'receive-ca-cert': {'interface': 'certificate_transfer'},
        'logging': {'interface': 'loki_push_api', 'limit': 1},
        'ingress': {'interface': 'ingress', 'limit': 1},
    }
    server: ClassVar = pki.Authority.root('ACME root').intermediate('ACME issuing')
    account: ClassVar[str] = ''
    """PEM of its key; empty: it has ordered nothing yet."""

    def authority(self) -> pki.Authority:
        """The issuer below the root, which ACME servers do not send."""
        with contextlib.suppress(ops.SecretNotFoundError):
            self.model.get_secret(label=ACCOUNT)
            return self.server
        if self.account:
            content = {'private-key': self.account, 'email': str(self.config['email'])}
            self.unit.add_secret(content, label=ACCOUNT)
        return self.server

    def chain(self, leaf: x509.Certificate) -> list[str]:
        """The bundle of the server, and the issuer once more."""
        issuer = self.server.certificate.pem
        return [leaf.pem, issuer, issuer]


def authority(content: Mapping[str, str]) -> pki.Authority:
    """The CA of a secret's content."""
    certificate = x509.parse_certificate(content['ca-certificate'])
    key: Any = serialization.load_pem_private_key(content['private-key'].encode(), None)
    return pki.Authority(key, certificate)
