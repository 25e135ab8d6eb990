"""`python tools/pack`: Python puts this folder on the path, the package needs the one above."""

import importlib
import pathlib
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
try:
    command = importlib.import_module('pack.command')
except ModuleNotFoundError as error:
    sys.exit(f'pack: {error.name} is not installed: install requirements-test.lock')
sys.exit(command.main())
