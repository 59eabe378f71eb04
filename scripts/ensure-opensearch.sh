#!/bin/sh
# ensure-opensearch.sh: see that the tests have an OpenSearch: one that runs (DATELINE_TEST_OPENSEARCH), a Docker engine, or jars and a
# Java. In CI what is missing is installed where that is possible, else an error; at home it is only said.
set -eu
cd "$(dirname "$0")/.."

runs_elsewhere() {
    [ -n "${DATELINE_TEST_OPENSEARCH:-}" ] || docker version >/dev/null 2>&1
}

runs_here() {
    scripts/fetch-opensearch.sh >/dev/null
}

case ${CI:-} in
    "" | 0 | false)
        runs_elsewhere || runs_here || echo "So what needs an OpenSearch is skipped." >&2
        exit 0
        ;;
esac

# Some tests kill the server and read its files, which only our own allows; nothing is skipped in CI, so it is wanted in any case.
runs_here 2>/dev/null && exit 0
scripts/apt-install.sh openjdk-17-jdk-headless maven || true
runs_here || runs_elsewhere
