"""Command-line arguments as Juju's commands and hook tools understand them."""

from __future__ import annotations

from dataclasses import dataclass, field


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
        return self.value(name).lower() in {'true', 't', '1'}

    def at(self, index: int) -> str:
        """Return a positional argument, empty when there are fewer."""
        return self.positional[index] if index < len(self.positional) else ''


def flags(specs: tuple[str, ...]) -> dict[str, Flag]:
    """Return every spelling of every option of the specs, without dashes."""
    found: dict[str, Flag] = {}
    for spec in specs:
        spellings = spec.rstrip('=').split('|')
        for spelling in spellings:
            found[spelling] = Flag(spellings[-1], spec.endswith('='))
    return found


def parse(args: list[str], known: dict[str, Flag]) -> Arguments:
    """Return the arguments parsed; options may stand before, between and after the others.

    Raises:
        Refused: an option is unknown or lacks its value (exit code 2).
    """
    positional: list[str] = []
    values: dict[str, tuple[str, ...]] = {}
    rest = iter(args)
    for arg in rest:
        if arg == '--':
            positional.extend(rest)
            break
        if arg == '-' or not arg.startswith('-'):
            positional.append(arg)
            continue
        spelling, equals, value = arg.lstrip('-').partition('=')
        flag = known.get(spelling)
        if flag is None:
            raise Refused(f'option provided but not defined: {arg.partition("=")[0]}', code=2)
        if not flag.takes_value:
            value = value.lower() if equals else 'true'
        elif not equals:
            given = next(rest, None)
            if given is None:
                raise Refused(f'option needs an argument: {arg}', code=2)
            value = given
        values[flag.name] = (*values.get(flag.name, ()), value)
    return Arguments(tuple(positional), values)


def key_values(words: tuple[str, ...]) -> dict[str, str]:
    """Return ``k=v`` words as a mapping.

    Raises:
        Refused: a word is not of that form (exit code 2).
    """
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition('=')
        if not key or not equals:
            raise Refused(f'expected "key=value", got "{word}"', code=2)
        found[key] = value
    return found
