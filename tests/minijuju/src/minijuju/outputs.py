"""What a charm process prints: read as it comes, kept and passed on up to a limit."""

from __future__ import annotations

import os
import selectors
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence

OUTPUT_LIMIT = 4 * 1024 * 1024
"""Bytes of one output that are kept; the rest is read and dropped."""
LINE_LIMIT = 10_000
"""Lines of one output that are passed on."""
_CHUNK = 64 * 1024


class Output:
    """One output of a process.

    Args:
        tell: called with whole lines as soon as they are there, without their newlines.
    """

    def __init__(self, tell: Callable[[list[str]], None]) -> None:
        self._tell = tell
        self._kept = bytearray()
        self._told = 0
        self._lines = 0
        self._dropped = 0

    @property
    def text(self) -> str:
        """What was printed, and a note at the end where some of it was dropped."""
        note = f'\n[minijuju dropped {self._dropped} more bytes]\n' if self._dropped else ''
        return self._kept.decode(errors='replace') + note

    def add(self, data: bytes) -> None:
        """Take what was printed."""
        room = OUTPUT_LIMIT - len(self._kept)
        self._dropped += max(len(data) - room, 0)
        self._kept += data[:room]
        end = self._kept.rfind(b'\n', self._told) + 1
        if end:
            self._tell_to(end)

    def close(self) -> None:
        """Pass on a last line that lacks its newline, and a note of what was dropped."""
        if self._told < len(self._kept):
            self._tell_to(len(self._kept))
        if self._dropped or self._lines > LINE_LIMIT:
            cut = f'{LINE_LIMIT} lines or {OUTPUT_LIMIT} bytes'
            self._tell([f'[minijuju leaves out what is beyond {cut}]'])

    def _tell_to(self, end: int) -> None:
        if self._lines <= LINE_LIMIT:
            text = self._kept[self._told : end].decode(errors='replace')
            lines = text.removesuffix('\n').split('\n')
            self._tell(lines[: LINE_LIMIT - self._lines])
            self._lines += len(lines)
        self._told = end


def follow(process: subprocess.Popen[bytes], outputs: Sequence[Output]) -> None:
    """Read stdout and stderr until the process ends, without reaping it: its id stays its own.

    What it has printed is then complete. A process that it left behind may hold the pipes open
    for as long as it likes; what that prints later is nobody's.
    """
    ended = os.pidfd_open(process.pid)
    try:
        with selectors.DefaultSelector() as selector:
            pipes = [pipe for pipe in (process.stdout, process.stderr) if pipe is not None]
            for pipe, output in zip(pipes, outputs, strict=True):
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ, output)
            selector.register(ended, selectors.EVENT_READ)
            running = True
            while running:
                ready = selector.select()
                running = all(key.fd != ended for key, _ in ready)
                for key, _ in ready:
                    if key.fd != ended and not _read(key.fd, key.data):
                        selector.unregister(key.fileobj)
            for pipe, output in zip(pipes, outputs, strict=True):
                # A pipe holds less than this, so that whoever still writes cannot keep us here.
                for _ in range(OUTPUT_LIMIT // _CHUNK):
                    if not _read(pipe.fileno(), output):
                        break
                pipe.close()
                output.close()
    finally:
        os.close(ended)


def _read(pipe: int, output: Output) -> bool:
    """Move what is there into the output; say whether there was anything."""
    try:
        data = os.read(pipe, _CHUNK)
    except BlockingIOError:
        return False
    output.add(data)
    return bool(data)
