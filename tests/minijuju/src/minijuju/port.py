"""Ports and ranges of them, as open-port and close-port take them and as status shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minijuju.arguments import Refused, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, order=True)
class Port:
    """A range of ports; sorted by protocol and number as Juju lists them."""

    protocol: str
    first: int
    last: int

    def __str__(self) -> str:
        """The range as Juju writes it: ``80/tcp``, ``8000-8010/udp`` or ``icmp``."""
        if self.protocol == 'icmp':
            return 'icmp'
        span = str(self.first) if self.first == self.last else f'{self.first}-{self.last}'
        return f'{span}/{self.protocol}'

    def overlaps(self, other: Port) -> bool:
        """Say whether the two have a port in common."""
        return (
            self.protocol == other.protocol
            and self.first <= other.last
            and other.first <= self.last
        )


def parse_port(given: str) -> Port:
    """Return the range in ``443``, ``443/tcp``, ``8000-8010/udp`` or ``icmp``.

    Raises:
        Refused: it is no such text (exit code 2).
    """
    numbers, slash, protocol = given.partition('/')
    if numbers == 'icmp':
        return Port('icmp', -1, -1)
    bounds = numbers.split('-')
    if len(bounds) > 2:
        raise Refused(f'invalid port range "{numbers}"', code=2)
    ends = [whole_number(bound) for bound in bounds]
    for bound, end in zip(bounds, ends, strict=True):
        if end is None:
            why = f'strconv.Atoi: parsing "{bound}": invalid syntax'
            raise Refused(f'invalid port "{bound}": {why}', code=2)
    first, last = ends[0] or 0, ends[-1] or 0
    port = Port(protocol if slash else 'tcp', first, last)
    if problem := _problem(port):
        raise Refused(problem, code=2)
    return port


def in_order(ports: Iterable[str]) -> list[str]:
    """Return ports as they are shown: by protocol, and then by number."""
    return [str(port) for port in sorted(map(parse_port, ports))]


def _problem(port: Port) -> str:
    if port.protocol == 'icmp':
        return f'protocol "icmp" doesn\'t support any ports; got "{port.first}"'
    if port.protocol not in {'tcp', 'udp'}:
        return f'invalid protocol "{port.protocol}", expected "tcp", "udp", or "icmp"'
    if port.first > port.last:
        return f'invalid port range {port}'
    if port.last > 65535:
        span = f'{port.first}-{port.last}'
        return f'port range bounds must be between 0 and 65535, got {span}'
    return ''
