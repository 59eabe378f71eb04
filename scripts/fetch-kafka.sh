#!/bin/sh
# fetch-kafka.sh: print the folder that holds Kafka's jars, fetched by Maven into the user's cache where they are not there yet.
# Fails, and says what to do, where they cannot be fetched or no Java is there to run them.
set -eu

kafka=4.1.1
log4j=2.25.2 # what Kafka logs through; its jars bring the interface only
oldest_java=17

cache=${XDG_CACHE_HOME:-$HOME/.cache}/dateline
jars=$cache/kafka-$kafka
how="On Debian and Ubuntu: apt install maven openjdk-17-jre-headless; on macOS: brew install maven openjdk"

fail() {
    echo "$*" >&2
    exit 1
}

java=$("${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
[ "${java:-0}" -ge "$oldest_java" ] || fail "A Kafka of the tests' own needs Java $oldest_java or later, and there is ${java:-none}. $how"

if [ ! -d "$jars" ]; then
    command -v mvn >/dev/null || fail "A Kafka of the tests' own is fetched by Maven, and there is no mvn. $how"
    echo "Fetching Kafka $kafka into $jars …" >&2
    mkdir -p "$cache"
    new=$(mktemp -d "$cache/fetching.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    cat >"$new/pom.xml" <<POM
<project><modelVersion>4.0.0</modelVersion><groupId>dateline</groupId><artifactId>kafka</artifactId><version>0</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$kafka</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>$log4j</version></dependency></dependencies></project>
POM
    mvn --quiet --batch-mode --file "$new/pom.xml" dependency:copy-dependencies -DoutputDirectory="$new/kafka-$kafka" >"$new/log" 2>&1 ||
        fail "Maven could not fetch Kafka $kafka: $(cat "$new/log")"
    # Who comes second cannot put a folder in the place of a full one, and uses that.
    mv "$new/kafka-$kafka" "$cache/" 2>/dev/null || [ -d "$jars" ]
fi
echo "$jars"
