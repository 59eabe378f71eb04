#!/bin/sh
# ensure-opensearch.sh: see that the tests have an OpenSearch: one that runs (DATELINE_TEST_OPENSEARCH), a Docker engine, or jars and a Java.
# In CI what is missing is installed where that is possible, else an error; at home it is only said.
set -eu
cd "$(dirname "$0")/.."
. scripts/jars.sh

runs_here() {
    scripts/fetch-opensearch.sh >/dev/null
}

ensure "an OpenSearch" "${DATELINE_TEST_OPENSEARCH:-}" openjdk-17-jdk-headless maven
