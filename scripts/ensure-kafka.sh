#!/bin/sh
# ensure-kafka.sh: see that the tests have a Kafka: one that runs (DATELINE_TEST_KAFKA), a Docker engine, or jars and a Java.
# In CI what is missing is installed where that is possible, else an error; at home it is only said.
set -eu
cd "$(dirname "$0")/.."
. scripts/jars.sh

runs_here() {
    scripts/fetch-kafka.sh >/dev/null && command -v openssl >/dev/null
}

ensure "a Kafka" "${DATELINE_TEST_KAFKA:-}" openjdk-17-jre-headless maven openssl
