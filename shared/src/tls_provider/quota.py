"""How much one relation may hold: the operator's limit of certificates, and the databag's room.

Only requests without a certificate are turned down. What is published stays, and a refusal for
want of room is judged anew in every pass, so that it falls as soon as another request leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tls_provider import wire
from tls_provider.decision import Ask, Ignore, Keep, Refuse
from tls_provider.issuer import ErrorCode, Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tls_provider.decision import Answer, Decision

NO_ROOM = 'too many requests in this relation; remove some'


def limited(decisions: Sequence[Decision], limit: int | None) -> list[Decision]:
    """The decisions of one relation, with refusals in place of what it has no room for.

    Requests that were accepted before go first, then those that are new, each in their order.

    Args:
        decisions: What the requests deserve by themselves.
        limit: Certificates that the relation may have, issued and outstanding; None: any number.

    """
    space = wire.MAX_ANSWERS - sum(map(_size, decisions))
    places = None if limit is None else max(limit - sum(map(_occupies, decisions)), 0)
    result = list(decisions)
    for index in sorted(range(len(result)), key=lambda index: _is_new(result[index])):
        decision = result[index]
        if isinstance(decision, Ask) and decision.answer.entry is None:
            if places == 0:
                message = f'this relation has its {limit} certificates (certificate-limit)'
                decision = _turn_down(decision, f'{message}; remove requests or raise the option')
            elif (needed := wire.expected_size(decision.request.csr.pem)) > space:
                decision = _turn_down(decision, NO_ROOM)
            else:
                places = None if places is None else places - 1
                space -= needed
        if isinstance(decision, Refuse) and not (decision.answer.refusal or decision.answer.entry):
            needed = wire.refusal_size(decision.csr)
            if needed > space:
                complaint = wire.Complaint(decision.requirer, decision.rejected.message)
                result[index] = Ignore(decision.relation_id, complaint)
                continue
            space -= needed
        result[index] = decision
    return result


def _occupies(decision: Decision) -> bool:
    """Whether a request has a certificate, or waits for one that was promised."""
    match decision:
        case Keep(answer=answer, requirer=requirer):
            # What nobody submits may be replaced by a request that is here.
            return bool(requirer) and (answer.refusal is None or _waits_for_backend(answer))
        case Ask(answer=answer) | Refuse(answer=answer):
            return answer.entry is not None
        case _:
            return False


def _waits_for_backend(answer: Answer) -> bool:
    refusal = answer.refusal
    return refusal is not None and refusal.code == ErrorCode.SERVER_NOT_AVAILABLE


def _size(decision: Decision) -> int:
    """The characters that a published answer takes, 0 where it goes."""
    match decision:
        case Keep(answer=answer) | Ask(answer=answer) | Refuse(answer=answer):
            taken = wire.size(answer.entry) if answer.entry else 0
            return taken + (wire.refusal_size(answer.refusal.csr) if answer.refusal else 0)
        case _:
            return 0


def _is_new(decision: Decision) -> bool:
    match decision:
        case Ask(answer=answer):
            refused = answer.refusal is not None and not _waits_for_backend(answer)
            return not answer.record.message or refused
        case _:
            return False


def _turn_down(ask: Ask, message: str) -> Refuse:
    rejected = Rejected(ErrorCode.OTHER, message)
    return Refuse(
        ask.relation_id,
        ask.request.requirer,
        ask.request.csr.pem,
        rejected,
        ask.answer,
        standing=False,
    )
