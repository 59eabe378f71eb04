#!/bin/sh
# ensure-kafka.sh: see that the tests have a Kafka: one that runs (DATELINE_TEST_KAFKA), a Docker engine, or jars and a Java.
# In CI what is missing is installed where that is possible, else an error; at home it is only said.
set -eu
cd "$(dirname "$0")/.."

runs_elsewhere() {
    [ -n "${DATELINE_TEST_KAFKA:-}" ] || docker version >/dev/null 2>&1
}

runs_here() {
    scripts/fetch-kafka.sh >/dev/null && command -v openssl >/dev/null
}

case ${CI:-} in
    "" | 0 | false)
        runs_elsewhere || runs_here || echo "So what needs a Kafka is skipped." >&2
        exit 0
        ;;
esac

# Some tests kill and secure brokers, which only our own allow; nothing is skipped in CI, so these are wanted in any case.
runs_here 2>/dev/null && exit 0
scripts/apt-install.sh openjdk-17-jre-headless maven openssl || true
runs_here || runs_elsewhere
