#!/bin/bash
# What `make test` is too quick for; .ci/run calls it. Under 40 minutes, half of it the lab.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
seed=${SEED:-20261120}  # one and the same in CI; other seeds by hand

# name of a program, Debian's package that has it
need() {
    command -v "$1" >/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update --quiet=2 || true
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends "$2" >/dev/null || true
    fi
    command -v "$1" >/dev/null || echo "slow.sh: $1 is missing (apt-get install $2); what needs it is left out" >&2
}

PATH=$PATH:/usr/sbin:/sbin
need virt-what virt-what
need promtool prometheus

echo "== promtool"
if command -v promtool >/dev/null; then
    PYTHONPATH=agent:collectors "$python" -m tests.promtool
fi

echo "== fuzz, seed $seed"
"$python" -m tests.fuzz --seconds 240 --seed "$seed"

echo "== lab, core guests"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ -z "${NO_LAB:-}" ]; then
    status=0
    "$python" -m tests.lab --core --table /dev/null || status=$?
    if [ "$status" = 2 ]; then  # a boot that failed twice, or no package mirror: nothing is known against the agent
        echo "slow.sh: the lab failed, not the agent; see above" >&2
    elif [ "$status" != 0 ]; then
        exit "$status"
    fi
else
    echo "slow.sh: the lab needs root and apt-get (and no NO_LAB); left out" >&2
fi

# The table tells each target that is missed; only what is half as dear again fails here, on machines that are shared.
echo "== bench"
"$python" -m tests.bench --runs 7 --bar 1.5 || {
    echo "== bench again, for a target was missed"
    "$python" -m tests.bench --runs 20 --bar 1.5
}
