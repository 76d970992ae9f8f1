#!/bin/sh
# venv.sh PYTHON DIRECTORY: make a virtual environment, installing Debian's venv module first where it is missing.
set -eu
python=$1 directory=$2

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
    echo "virt-agent needs Python 3.10 or newer; $("$python" --version) is too old" >&2
    exit 1
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "Python's venv module is missing. Run this once, then again what you ran:" >&2
        echo "    sudo apt-get install --yes $version" >&2
        exit 1
    fi
    apt-get update --quiet=2
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 "$version" ||
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 python3-venv
fi
[ -x "$directory/bin/python" ] || "$python" -m venv "$directory"
