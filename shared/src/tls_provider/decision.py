"""What a pass decides about each request: plain values between `plan` and `engine`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tls_provider import wire
    from tls_provider.issuer import Rejected, Request
    from tls_provider.ledger import Record


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is published and known for one request."""

    entry: wire.Entry | None
    refusal: wire.Refusal | None
    record: Record
    key: str
    """Of the ledger."""
    serves: bool
    """The entry holds a certificate of the kind that was asked for, not ended, not revoked, and of
    an authority that is in force or trusted still."""
    revoke: bool = False
    """The operator wants the certificate of the entry revoked."""


@dataclasses.dataclass(frozen=True)
class Keep:
    """The answer stands as it is, also where it is none: there is nothing to do now."""

    relation_id: int
    requirer: str
    csr: str
    answer: Answer


@dataclasses.dataclass(frozen=True)
class Ask:
    """The issuer is to be asked; until it has answered, the answer stands."""

    relation_id: int
    request: Request
    answer: Answer


@dataclasses.dataclass(frozen=True)
class Refuse:
    """The request is unusable or breaks a rule."""

    relation_id: int
    requirer: str
    csr: str
    rejected: Rejected
    answer: Answer
    standing: bool = True
    """It stands while the request and the settings are the same; else it is judged anew in every
    pass, because it depends on other requests."""


@dataclasses.dataclass(frozen=True)
class Withdraw:
    """The request of a published certificate has left."""

    relation_id: int
    entry: wire.Entry
    record: Record
    ordered: bool = False
    """The operator wants it revoked."""


@dataclasses.dataclass(frozen=True)
class Ignore:
    """Something that cannot be answered on the wire; it is named in log and status."""

    relation_id: int
    complaint: wire.Complaint


Decision = Keep | Ask | Refuse | Withdraw | Ignore
