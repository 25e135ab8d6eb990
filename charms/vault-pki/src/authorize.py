"""What an administrator's token is used for, once: the mount, the policy and an AppRole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from errors import Failure, Kind

if TYPE_CHECKING:
    from access import Policy
    from connection import Connection
    from options import CA
    from pki import Mount

TOKEN_LIFE = '15m'  # noqa: S105
"""Of the tokens that the charm logs in for. They are batch tokens, which the server does not
store; a pass takes two minutes at the most."""


def authorize(mount: Mount, policy: Policy, ca: CA, auth_mount: str) -> dict[str, str]:
    """Set everything up; gives the credentials of the AppRole. Raises `Failure`.

    Args:
        mount: By a connection with the administrator's token.
        policy: What the charm may do.
        ca: What the CA is to be; nothing of it is made here.
        auth_mount: Where AppRoles are, made if it is not there.

    """
    connection = mount.connection
    _see_place(connection, mount.path)
    if policy.manages_mount and not mount.is_there():
        mount.enable(ca.longest_life)
    _set_policy(connection, policy)
    _enable_approle(connection, auth_mount)
    place = f'auth/{auth_mount}/role/{policy.name}'
    connection.post(
        place,
        {
            'bind_secret_id': True,
            'token_policies': [policy.name],
            'token_no_default_policy': True,
            'token_type': 'batch',
            'token_ttl': TOKEN_LIFE,
            'token_max_ttl': TOKEN_LIFE,
        },
    )
    made = {
        'role-id': connection.get(f'{place}/role-id').text('role_id'),
        'secret-id': connection.post(f'{place}/secret-id', {}).text('secret_id'),
    }
    if not all(made.values()):
        raise Failure(Kind.WRONG, f'{connection.server.host} does not answer as Vault does')
    return {**made, 'mount': auth_mount}


def _see_place(connection: Connection, path: str) -> None:
    """Fail where a mount has the beginning of the path: it would answer for what is below it."""
    try:
        mounts = connection.get('sys/mounts').values
    except Failure as failure:
        if failure.kind is Kind.WRONG:  # the administrator may not list them
            return
        raise
    above = [name for name in mounts if f'{path}/'.startswith(name) and name != f'{path}/']
    if above and f'{path}/' not in mounts:
        message = f'option mount: {path} lies below mount {above[0]}; choose another path'
        raise Failure(Kind.WRONG, message)


def _set_policy(connection: Connection, policy: Policy) -> None:
    """Write the policy, unless somebody else's has its name."""
    path = f'sys/policies/acl/{policy.name}'
    try:
        found = connection.get(path).text('policy')
    except Failure as failure:
        if failure.kind is not Kind.ABSENT:
            raise
        found = ''
    if clash := policy.clash(found):
        raise Failure(Kind.WRONG, clash)
    connection.post(path, {'policy': policy.text})


def _enable_approle(connection: Connection, auth_mount: str) -> None:
    try:
        connection.post(f'sys/auth/{auth_mount}', {'type': 'approle'})
    except Failure as failure:
        if failure.kind is not Kind.TAKEN:
            raise
