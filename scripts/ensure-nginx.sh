#!/bin/sh
# ensure-nginx.sh: see that there is an nginx, the HTTP cache that the tests put between readers and the server.
# In CI a missing one is installed where that is possible, else an error; at home it is only said.
set -eu

has_nginx() {
    command -v nginx >/dev/null || [ -x /usr/sbin/nginx ]
}

has_nginx && exit 0

how="On Debian and Ubuntu: apt install nginx-light; on macOS: brew install nginx"
case ${CI:-} in
    "" | 0 | false)
        echo "No nginx found: what a cache keeps is not tested. $how" >&2
        exit 0
        ;;
esac

"$(dirname "$0")/apt-install.sh" nginx-light || true

if ! has_nginx; then
    echo "No nginx found, and the tests need one. $how" >&2
    exit 1
fi
