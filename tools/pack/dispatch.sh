#!/bin/sh
# Entry point of every hook and action: runs src/charm.py with the packages below venv/.

charm=$(realpath "$0")
charm=${charm%/*}
venv=$charm/venv

# The interpreter is the unit's own, so the first hook makes the link to it and says in pyvenv.cfg where its
# standard library is. A link that leads nowhere, because the interpreter was replaced, is made again. The
# interpreter itself tells its place: python3 on PATH may be a script or a link that only chooses one.
if ! [ -x "$venv/bin/python" ] || ! [ -f "$venv/pyvenv.cfg" ]; then
    python=$(python3 -c '
import os, sys
packed = os.listdir(sys.argv[1])
running = "python%d.%d" % sys.version_info[:2]
if running not in packed:
    sys.exit("dispatch: packed for %s, but python3 of this unit is %s" % (packed[0], running))
print(os.path.realpath(sys.executable))
' "$venv/lib") || exit 1
    mkdir -p "$venv/bin"
    ln -sfn "$python" "$venv/bin/python"
    printf 'home = %s\ninclude-system-site-packages = false\n' "${python%/*}" >"$venv/pyvenv.cfg"
fi

# lib/ holds libraries that a charm carries in its source; usr/lib and lib the shared objects of staged
# packages. Both architectures' folders are named: the one that is absent costs nothing, while asking uname
# for the right one costs a process in every hook.
export PYTHONPATH="$charm/lib:$charm/src"
export LD_LIBRARY_PATH="$charm/usr/lib:$charm/lib:$charm/usr/lib/x86_64-linux-gnu:$charm/usr/lib/aarch64-linux-gnu"

exec "$venv/bin/python" "$charm/src/charm.py"
