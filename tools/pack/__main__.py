"""`python tools/pack`: Python puts this folder on the path, the package needs the one above.

And minijuju, on which artifacts are run.
"""

import importlib
import pathlib
import signal
import sys

TOOLS = pathlib.Path(__file__).resolve().parent.parent
sys.path[0] = str(TOOLS)
sys.path.append(str(TOOLS.parent / 'tests' / 'minijuju' / 'src'))
try:
    command = importlib.import_module('pack.command')
except ModuleNotFoundError as error:
    sys.exit(f'pack: {error.name} is not installed: install requirements-test.lock')
# An exception, as by Ctrl-C: whoever is asked to end removes the temporary folders before.
signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
sys.exit(command.main())
