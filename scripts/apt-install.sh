#!/bin/sh
# apt-install.sh PACKAGE…: install Debian packages where that is possible (as root, with apt-get), saying nothing but which.
# No service of theirs is started. Fails where it is not possible.
set -eu

[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 1

# Debian starts a service as it is installed, unless this file says no; the tests start their own.
policy=/usr/sbin/policy-rc.d
log=$(mktemp)
cleanup="$log"
if [ ! -e "$policy" ]; then
    cleanup="$log $policy"
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
fi
trap 'rm -f $cleanup' EXIT

echo "Installing $* …"
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -qq --no-install-recommends "$@"; } >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
