#!/bin/bash
# What `make test` is too quick for; .ci/run calls it. Forty minutes, half of them emulated machines. What cannot be run here is
# told at once, and in the end it fails: not proven is not right. (NO_LAB=1 leaves the lab out on purpose.)
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
seed=${SEED:-20261120}  # one and the same in CI; other seeds by hand

left_out=0
leave_out() {
    echo "slow.sh: $1; left out" >&2
    left_out=$((left_out + 1))
}

# name of a program, Debian's package that has it
need() {
    command -v "$1" >/dev/null && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update --quiet=2 || true
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends "$2" >/dev/null || true
    fi
    command -v "$1" >/dev/null || leave_out "what needs $1, which is missing (apt-get install $2)"
}

PATH=$PATH:/usr/sbin:/sbin
# Programs are wanted, not their services.
if [ "$(id -u)" = 0 ] && [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
need virt-what virt-what
need promtool prometheus
need amtool prometheus-alertmanager

echo "== prometheus"
if command -v promtool >/dev/null && command -v amtool >/dev/null; then
    PYTHONPATH=agent:collectors "$python" -m tests.prometheus
fi

echo "== dashboards"
if command -v prometheus >/dev/null; then
    PYTHONPATH=agent:collectors "$python" -m tests.grafana
fi

if command -v prometheus >/dev/null && command -v amtool >/dev/null; then
    echo "== end to end"
    "$python" -m tests.e2e
    echo "== fleet"
    "$python" -m tests.fleet --guests 100 --minutes 0.5
fi

# Without these the quick suite leaves out what needs them.
need mandoc mandoc
need groff groff
need man man-db
need zsh zsh
echo "== manual and completion"
"$python" -m pytest -q tests/test_manual.py tests/test_completion.py

need chromium chromium
need chromedriver chromium-driver
echo "== the page in a browser"
if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then
    PYTHONPATH=agent:collectors "$python" -m tests.browser
fi

echo "== packages"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    need lintian lintian
    "$python" -m tests.packages
else
    leave_out "the packages, which need root and apt-get"
fi

echo "== bills of materials, known vulnerabilities"
"$python" -m pip install --quiet --constraint packaging/pins/slow.txt --editable '.[audit]'
"$python" -m tests.supply sbom
"$python" -m tests.supply audit || {
    # no fault of the tree: it has said who could not be asked
    [ $? = 2 ]
}

need systemd-analyze systemd
echo "== hardening of the units"
if command -v systemd-analyze >/dev/null; then
    "$python" -m tests.hardening
fi

echo "== examples for other tools"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    "$python" -m tests.examples
else
    leave_out "the examples, which need root and apt-get"
fi

need faketime faketime
echo "== promises: faults, hostile clients, load"
"$python" -m tests.reliability --again --only faults --jobs 3
"$python" -m tests.reliability --again --only hostility load

echo "== fuzz, seed $seed"
"$python" -m tests.fuzz --seconds 60 --seed "$seed"
"$python" -m pip install --quiet --constraint packaging/pins/slow.txt --editable '.[fuzz]'
# so many inputs, not so long: mostly the same ones each time
"$python" -m tests.fuzz --coverage --seconds 180 --runs 3000 --seed "$seed" --target archive --target kernel_log \
    --target http --target grub --target block_yaml --target device_names

echo "== foreign clients of the metadata service"
"$python" -m pip install --quiet --constraint packaging/pins/slow.txt --editable '.[foreign]'
"$python" -m tests.foreign

echo "== lab, core guests; the package in a test machine"
if [ -n "${NO_LAB:-}" ]; then
    echo "slow.sh: NO_LAB is set: no lab, no test machine" >&2
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    "$python" -m tests.lab --core --enough 8 --table /dev/null
    "$python" -m tests.vm
else
    leave_out "the lab and the test machine, which need root and apt-get"
fi

# A ratio beyond its limit on a busy machine gets one more chance, a longer one.
echo "== bench"
"$python" -m tests.bench --runs 7 || {
    echo "== bench again, for a limit did not hold"
    "$python" -m tests.bench --runs 20
}

if [ "$left_out" -gt 0 ]; then
    echo "slow.sh: all that ran is right, but $left_out left out (see above)" >&2
    exit 1
fi
