"""The charm's options, checked once and completely."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING

from local_ca import Options
from tls_provider import x509

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNITS = {'m': 'minutes', 'h': 'hours', 'd': 'days', 'w': 'weeks', '': 'days'}
_DURATION = re.compile(r'([0-9]{1,9})([mhdw]?)', re.ASCII)

MAX_VALIDITY = datetime.timedelta(days=825)
"""Clients of one large vendor reject server certificates of a longer life, private CA or not."""
MAX_CA_VALIDITY = datetime.timedelta(days=36525)
DEFAULTS = {
    'ca-common-name': 'self-signed-certificates-operator',
    'root-ca-validity': '365d',
    'certificate-validity': '90d',
}
"""What an option means that is unset or empty."""


class Invalid(Exception):
    """An option has a value that cannot be used; the message names it and says what to do."""


def parse(config: Mapping[str, object]) -> Options:
    """The CA that the options describe; raises `Invalid`."""
    values = {name: str(config.get(name, '')).strip() or text for name, text in DEFAULTS.items()}
    common_name = values['ca-common-name']
    if (length := len(common_name.encode(errors='replace'))) > 64:
        raise Invalid(f'option ca-common-name: {length} bytes; use 64 at most')
    if not common_name.isprintable():
        raise Invalid('option ca-common-name: holds characters that cannot be printed')
    validity = _duration('certificate-validity', values, MAX_VALIDITY, '825d')
    ca_validity = _duration('root-ca-validity', values, MAX_CA_VALIDITY, '36525d')
    if ca_validity < 2 * validity:
        raise Invalid(
            f'option root-ca-validity: {values["root-ca-validity"]} is less than twice '
            f'certificate-validity ({values["certificate-validity"]})'
        )
    return Options(common_name, ca_validity, validity)


def _duration(
    name: str, values: Mapping[str, str], most: datetime.timedelta, most_text: str
) -> datetime.timedelta:
    text = values[name]
    match = _DURATION.fullmatch(text)
    if match is None:
        shown = x509.printable(text, 20)
        raise Invalid(f'option {name}: "{shown}" is not a number with m, h, d or w, as in 90d')
    unit = _UNITS[match[2]]
    number = int(match[1])
    too_long = number > most / datetime.timedelta(**{unit: 1})
    if number < 1 or too_long:
        raise Invalid(f'option {name}: {text} is not between 1m and {most_text}')
    return datetime.timedelta(**{unit: number})
