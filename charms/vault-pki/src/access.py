"""What the charm may do on the server: its policy, which is a file beside this one."""

from __future__ import annotations

import dataclasses
import pathlib
import re

_FOLDER = pathlib.Path(__file__).parent
_RULE = re.compile(r'^path "([^"]+)" *\{ *capabilities = \[([^\]]*)\] *\}', re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Policy:
    """The least that the charm needs on a mount."""

    mount: str
    role: str
    manages_mount: bool
    """It sets the mount up and renews the CA in it; else it only signs and revokes."""

    @property
    def name(self) -> str:
        """Of the policy and the AppRole that `authorize` makes; others may have theirs beside."""
        return f'{self.mount}-{self.role}'.replace('/', '-').lower()

    @property
    def text(self) -> str:
        """In the language of Vault's policies."""
        file = 'policy-manage.hcl' if self.manages_mount else 'policy-sign.hcl'
        text = (_FOLDER / file).read_text(encoding='utf-8')
        words = {'MOUNT': self.mount, 'ROLE': self.role}
        return re.sub('MOUNT|ROLE', lambda match: words[match[0]], text)

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
