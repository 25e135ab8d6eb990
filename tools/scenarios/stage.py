"""What a scenario is played on: a model, artifacts, a folder, and somebody who watches, or not."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

import jubilant

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Generator

    from scenarios.client import Answer


@contextlib.contextmanager
def unseen(text: str) -> Generator[None]:
    """A step that nobody watches."""
    del text
    yield


def unheard(title: str, text: str) -> None:
    """A block of output that nobody reads."""
    del title, text


@dataclasses.dataclass(frozen=True)
class Stage:
    """Where a scenario is played."""

    juju: jubilant.Juju
    """In a model of its own."""
    artifact: Callable[[str], pathlib.Path]
    """Gives the packed charm of a folder, as in `charms/lego`."""
    folder: pathlib.Path
    """For the files of clients and servers."""
    idle: Callable[[], jubilant.Status]
    """Waits until no unit has anything left to do; ends with an error when a hook fails."""
    step: Callable[[str], contextlib.AbstractContextManager[None]] = unseen
    show: Callable[[str, str], None] = unheard

    def settle(self) -> None:
        """Wait until every unit is active and has nothing left to do.

        Raises jubilant's WaitError when a hook fails, TimeoutError after its time.
        """
        while True:
            self.juju.wait(jubilant.all_active, error=jubilant.any_error, delay=0.1, successes=1)
            if jubilant.all_active(self.idle()):
                return

    def file(self, name: str, text: str) -> pathlib.Path:
        """A file of a client, with this text."""
        path = self.folder / name
        path.write_text(text.strip() + '\n', encoding='ascii')
        return path

    def tell(self, answer: Answer) -> None:
        """Show a client's command and what it got."""
        shown = answer.command.replace(f'{self.folder}/', '')
        self.show(f'$ {shown}', answer.text)

    def address(self, unit: str) -> str:
        """The address of a unit."""
        app = unit.partition('/')[0]
        return self.juju.status().apps[app].units[unit].public_address
