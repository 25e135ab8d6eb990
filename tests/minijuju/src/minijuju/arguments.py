"""Command-line arguments as Juju's commands and hook tools understand them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from minijuju.document import to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What Go's strconv.ParseBool takes, and no more.
_TRUE = {'1', 't', 'T', 'true', 'TRUE', 'True'}
_FALSE = {'0', 'f', 'F', 'false', 'FALSE', 'False'}
_DIGITS = 18  # that always fit into Go's int


class Refused(Exception):
    """A command that was refused; the text goes to stderr after ``ERROR``.

    ``code`` is the exit code: 2 when the arguments are wrong, 1 when running failed.
    ``stdout`` is printed all the same: a failed action prints its results and then fails.
    """

    def __init__(self, message: str, *, code: int = 1, stdout: str = '') -> None:
        super().__init__(message)
        self.code = code
        self.stdout = stdout


@dataclass(frozen=True)
class Flag:
    """One option of a command, made from a text such as ``n|num-units=``."""

    name: str
    """The last of the option's spellings; what the command asks for."""
    takes_value: bool
    supported: bool = True
    """Whether it has its effect; one that has none here and would be missed is refused."""


@dataclass(frozen=True)
class Arguments:
    """What was given on a command line, parsed."""

    positional: tuple[str, ...]
    values: dict[str, tuple[str, ...]] = field(default_factory=dict[str, 'tuple[str, ...]'])
    """Every value of every option given, in order; a switch has ``true`` or ``false``."""

    def value(self, name: str, default: str = '') -> str:
        """Return the last value of an option, or the default."""
        return self.values.get(name, (default,))[-1]

    def all(self, name: str) -> tuple[str, ...]:
        """Return all values of an option that may be repeated."""
        return self.values.get(name, ())

    def on(self, name: str) -> bool:
        """Say whether a switch is given and not false."""
        return self.value(name) in _TRUE

    def at(self, index: int) -> str:
        """Return a positional argument, empty when there are fewer."""
        return self.positional[index] if index < len(self.positional) else ''


def flags(specs: tuple[str, ...]) -> dict[str, Flag]:
    """Return every spelling of every option of the specs, without dashes.

    A spec is ``n|num-units=``: spellings, and ``=`` when the option takes a value. ``!`` before
    it makes ``parse`` refuse the option as not supported.
    """
    found: dict[str, Flag] = {}
    for spec in specs:
        spellings = spec.strip('!=').split('|')
        for spelling in spellings:
            found[spelling] = Flag(spellings[-1], spec.endswith('='), not spec.startswith('!'))
    return found


def parse(args: list[str], known: dict[str, Flag], *, interspersed: bool = True) -> Arguments:
    """Return the arguments parsed.

    Options have the forms ``--k v``, ``--k=v``, ``-k v``, ``-kv`` and ``-k=v``, and several
    switches of one letter may share a dash. They may stand before, between and after the other
    arguments, up to ``--``; or, not interspersed, before the others only.

    Raises:
        Refused: an option is unknown, not supported or lacks its value (exit code 2).
    """
    positional: list[str] = []
    values: dict[str, tuple[str, ...]] = {}
    rest = iter(args)
    for arg in rest:
        if arg == '--':
            positional.extend(rest)
        elif arg == '-' or not arg.startswith('-'):
            positional.append(arg)
            if not interspersed:
                positional.extend(rest)
        else:
            for spelling, given in _spelled(arg, known):
                flag = known.get(spelling.lstrip('-'))
                if flag is None:
                    raise Refused(f'option provided but not defined: {spelling}', code=2)
                if not flag.supported:
                    raise Refused(f'minijuju does not support {spelling}', code=2)
                value = _value(flag, spelling, given, rest)
                values[flag.name] = (*values.get(flag.name, ()), value)
    return Arguments(tuple(positional), values)


def _spelled(arg: str, known: dict[str, Flag]) -> Iterator[tuple[str, str | None]]:
    """Yield each option in one word with its dashes, and the value that the word gives it."""
    if arg.startswith('--'):
        spelling, equals, value = arg.partition('=')
        yield spelling, value if equals else None
        return
    letters = arg[1:]
    while letters:
        spelling, letters = f'-{letters[0]}', letters[1:]
        flag = known.get(spelling[1:])
        if letters and (letters.startswith('=') or (flag is not None and flag.takes_value)):
            yield spelling, letters.removeprefix('=')
            return
        yield spelling, None


def _value(flag: Flag, spelling: str, given: str | None, rest: Iterator[str]) -> str:
    if flag.takes_value:
        value = next(rest, None) if given is None else given
        if value is None:
            raise Refused(f'option needs an argument: {spelling}', code=2)
        return value
    if given is None:
        return 'true'
    if given not in _TRUE | _FALSE:
        raise Refused(f'invalid boolean value "{given}" for option {spelling}', code=2)
    return given


def refuse_excess(arguments: Arguments, most: int | None) -> None:
    """Refuse more positional arguments than a command takes; None is any number.

    Raises:
        Refused: there are more (exit code 2).
    """
    extra = () if most is None else arguments.positional[most:]
    if extra:
        listed = ' '.join(map(to_json, extra))
        raise Refused(f'unrecognized args: [{listed}]', code=2)


def whole_number(value: str) -> int | None:
    """Return the number in a text of ASCII digits, None for any other and beyond 64 bits."""
    digits = value.isascii() and value.isdigit() and len(value) <= _DIGITS
    return int(value) if digits else None


def switch(value: str) -> bool | None:
    """Return what a text for a switch or a boolean option means, None when it means neither."""
    return True if value in _TRUE else False if value in _FALSE else None


def key_values(words: Iterable[str], *, trim: bool = False) -> dict[str, str]:
    """Return ``k=v`` words as a mapping.

    Hook tools trim keys and values and pass over empty words (``keyvalues.Parse`` of juju/utils);
    ``juju config`` takes a value as it is, a certificate's last newline too
    (``cmd/juju/config/config.go``).

    Raises:
        Refused: a word is not of that form, or a key comes twice (exit code 2).
    """
    found: dict[str, str] = {}
    for word in filter(None, words) if trim else words:
        key, equals, value = word.partition('=')
        if trim:
            key, value = key.strip(), value.strip()
        if not key or not equals:
            raise Refused(f'expected "key=value", got "{word}"', code=2)
        if key in found:
            raise Refused(f'key "{key}" specified more than once', code=2)
        found[key] = value
    return found
