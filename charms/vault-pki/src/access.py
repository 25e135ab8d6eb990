"""What the charm may do on the server: its policy, which is a file beside this one."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import re

from tls_provider import x509

_FOLDER = pathlib.Path(__file__).parent
_MARK = '# Of the charm vault-pki, application '
_RULE = re.compile(r'^path "([^"]+)" *\{ *capabilities = \[([^\]]*)\] *\}', re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Policy:
    """The least that the charm needs on a mount."""

    mount: str
    role: str
    manages_mount: bool
    """It sets the mount up and renews the CA in it; else it only signs and revokes."""
    owner: str = 'nobody'
    """Names the application among all that may use the server."""

    @property
    def name(self) -> str:
        """Of the policy and the AppRole that `authorize` makes; others may have theirs beside.

        Vault knows no capitals and no slashes there, so a digest tells apart what looks the same.
        """
        plain = f'{self.mount}-{self.role}'.replace('/', '-').lower()
        digest = hashlib.sha256(f'{self.mount} {self.role}'.encode()).hexdigest()
        return f'{plain}-{digest[:8]}'

    @property
    def text(self) -> str:
        """In the language of Vault's policies. The first line says whose it is."""
        file = 'policy-manage.hcl' if self.manages_mount else 'policy-sign.hcl'
        text = (_FOLDER / file).read_text(encoding='utf-8')
        words = {'MOUNT': self.mount, 'ROLE': self.role}
        return f'{self._mark}\n' + re.sub('MOUNT|ROLE', lambda match: words[match[0]], text)

    @property
    def _mark(self) -> str:
        return f'{_MARK}{self.owner}'

    def clash(self, found: str) -> str:
        """Why a policy of this name that is there may not be replaced; empty: it may."""
        first = found.strip().partition('\n')[0].strip()
        if not found.strip() or first == self._mark:
            return ''
        whose = 'somebody else'
        if first.startswith(_MARK):
            whose = f'application {x509.printable(first.removeprefix(_MARK), 80)}'
        return (
            f'policy {self.name} is of {whose}: set option role or mount to another one, '
            'or delete that policy'
        )

    def rules(self) -> dict[str, str]:
        """Capabilities, as they are written, by path."""
        return {match[1]: match[2] for match in _RULE.finditer(self.text)}

    def lacking(self, path: str) -> str:
        """What to do where a request to a path is denied."""
        for pattern, capabilities in self.rules().items():
            expression = re.escape(pattern).replace(r'\+', '[^/]+').replace(r'\*', '.*')
            if re.fullmatch(expression, path):
                rule = f'path "{pattern}" {{ capabilities = [{capabilities}] }}'
                return f'denied {path}: add {rule} to the policy; see get-policy'
        return f'denied {path}: the policy lacks it; see get-policy'
