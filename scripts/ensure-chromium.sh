#!/bin/sh
# ensure-chromium.sh: see that the tests have a browser to drive: chromium, or chrome, on PATH.
# In CI a missing one is installed where that is possible, else an error; at home it is only said.
set -eu

has_chromium() {
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null
}

has_chromium && exit 0

how="On Debian: apt install chromium; elsewhere: Chrome or Chromium, on PATH"
case ${CI:-} in
    "" | 0 | false)
        echo "No chromium found: the pages are not tested in a browser. $how" >&2
        exit 0
        ;;
esac

"$(dirname "$0")/apt-install.sh" chromium || true

if ! has_chromium; then
    echo "No chromium found, and the tests need one. $how" >&2
    exit 1
fi
