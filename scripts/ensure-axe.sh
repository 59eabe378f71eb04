#!/bin/sh
# ensure-axe.sh: see that the tests have axe-core, which checks that the pages are accessible.
# In CI a missing npm is installed where that is possible, and what cannot be had is an error; at home it is only said.
set -eu
cd "$(dirname "$0")/.."

case ${CI:-} in
    "" | 0 | false)
        scripts/fetch-axe.sh >/dev/null || echo "So the pages' accessibility is not tested." >&2
        exit 0
        ;;
esac

scripts/fetch-axe.sh >/dev/null 2>&1 && exit 0
command -v npm >/dev/null || scripts/apt-install.sh npm || true
scripts/fetch-axe.sh >/dev/null
