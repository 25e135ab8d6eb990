"""What CA is in the mount: the one that is known, one that was forgotten, or that of a keeper."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

import authority
import naming
from errors import Failure, Kind

if TYPE_CHECKING:
    from lineage import Lineage
    from pki import Issuer

logger = logging.getLogger(__name__)


def find(lineage: Lineage) -> None:
    """See whether the CA is still there; where none is known, look for it. Raises `Failure`."""
    current = lineage.state.current
    if current is not None:
        found = lineage.mount.issuer(current.issuer)
        if found and found.signs and found.key:
            if not found.truncates or naming.is_of_another(lineage.options, found.name):
                lineage.name(found, signs=True)
            return
        logger.warning('the CA %s is gone from Vault', current.fingerprint[:16])
        lineage.lose()
    if not _is_back(lineage):
        _adopt(lineage)


def follow_keeper(lineage: Lineage) -> None:
    """Take over what the keeper of the mount has put in force; raises `Failure`."""
    chain = lineage.mount.public_chain()
    if wrong := lineage.problem(chain):
        raise Failure(Kind.WRONG, f'mount {lineage.options.mount}: {wrong}')
    is_known = lineage.state.current is not None
    lineage.replace(authority.issuing(chain, ''))
    if not is_known:
        _recall(lineage)


def _is_back(lineage: Lineage) -> bool:
    """Go on with what was in force elsewhere: the server has another name now."""
    for left in lineage.state.left:
        before = left.current
        found = lineage.mount.issuer(before.issuer) if before and before.issuer else None
        if before and found and found.signs and found.key == before.key:
            lineage.state = lineage.state.back_at(left)
            return True
    return False


def _adopt(lineage: Lineage) -> None:
    """Take the CA that was this charm's, or is what the options say."""
    found = naming.own(lineage.options, lineage.mount, lambda one: _is_wanted(lineage, one))
    if found:
        default = lineage.mount.issuer() if len(found) > 1 else None
        # A hook that was lost may have left the one before with the right to sign.
        *others, best = sorted(
            found,
            key=lambda one: (lineage.fits(one), one == default, one.chain[0].not_before),
        )
        csr = '' if len(best.chain) == 1 else lineage.request_of(best.chain[0])
        lineage.install(best, lineage.options.ca.fingerprint if lineage.fits(best) else '', csr)
        for one in others:
            lineage.name(one, signs=False)
    _recall(lineage)


def _recall(lineage: Lineage) -> None:
    """After what was known is lost: requests stay, and what may be below a root is trusted."""
    if lineage.state.asked is not None:
        return  # no CA is there because none is signed yet
    held, end = lineage.parent.held(), lineage.published.last_expiry()
    end = end or lineage.second + authority.OVERLAP
    roots = list(lineage.published.roots())
    for csr in held:
        answer = lineage.parent.answer(csr)
        if answer.certificate and lineage.request_of(answer.certificate) == csr:
            chain = authority.ordered(answer.certificate, answer.chain)
            roots += [] if lineage.problem(chain) else [chain[-1].pem]
    if held:
        lineage.state = dataclasses.replace(lineage.state, uncertain_until=end)
    for root in roots:
        lineage.state = lineage.state.trusting(root, end)


def _is_wanted(lineage: Lineage, found: Issuer) -> bool:
    """Whether an issuer is what the options say, or the parent has its request still."""
    if lineage.fits(found):
        return True
    own, *above = found.chain
    is_asked = above and not lineage.options.ca.is_root and lineage.request_of(own)
    return bool(is_asked) and lineage.is_usable(found)
