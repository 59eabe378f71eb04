#!/bin/sh
# ensure-compose.sh: see that docker-compose.yml can be checked, by docker compose or by docker-compose; neither needs an engine.
# In CI a missing one is installed where that is possible, else an error; at home it is only said.
set -eu

has_compose() {
    docker compose version >/dev/null 2>&1 || docker-compose version >/dev/null 2>&1
}

has_compose && exit 0

how="On Debian and Ubuntu: apt install docker-compose"
case ${CI:-} in
    "" | 0 | false)
        echo "No docker compose found: docker-compose.yml is not checked by it. $how" >&2
        exit 0
        ;;
esac

"$(dirname "$0")/apt-install.sh" docker-compose || true

if ! has_compose; then
    echo "No docker compose found, and the tests need one. $how" >&2
    exit 1
fi
