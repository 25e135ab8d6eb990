"""``python -m minijuju``: make a juju command, start and end the daemon behind it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from minijuju import daemon
from minijuju.install import Options, default_jobs, install


def main() -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog='minijuju', description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    make = commands.add_parser('install', help='write a juju command into a folder')
    make.add_argument('--into', type=Path, required=True, help='where juju goes')
    make.add_argument('--home', type=Path, help='state folder; default: home beside --into')
    make.add_argument('--jobs', type=int, default=default_jobs(), help='hooks at once')
    make.add_argument('--retry-factor', type=float, default=1.0, help='scales retry delays')
    make.add_argument('--charms', type=Path, help='where "juju deploy NAME" looks for NAME.charm')
    make.add_argument(
        '--long-hook',
        type=float,
        default=Options.long_hook,
        help='seconds after which a hook no longer counts for --jobs',
    )
    begin = commands.add_parser('start', help='start the daemon, unless it runs')
    begin.add_argument('--home', type=Path, required=True)
    begin.add_argument('--stale', default='', help='port and token that did not answer')
    end = commands.add_parser('stop', help='end the daemon and every charm process')
    end.add_argument('--home', type=Path, required=True)
    args = parser.parse_args()
    try:
        match args.command:
            case 'install':
                home = args.home or args.into.absolute().parent / 'home'
                charms = str(args.charms.absolute()) if args.charms else ''
                options = Options(args.jobs, args.retry_factor, charms, args.long_hook)
                print(install(args.into, home, options))
            case 'start':
                daemon.start(args.home.absolute(), args.stale)
            case _:
                daemon.stop(args.home.absolute())
    except (OSError, RuntimeError, ValueError) as error:
        print(f'ERROR {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
