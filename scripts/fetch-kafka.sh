#!/bin/sh
# fetch-kafka.sh: print the folder that holds Kafka's jars, fetched by Maven into the user's cache where they are not there yet.
# Fails, and says what to do, where they cannot be fetched or no Java is there to run them.
set -eu
. "$(dirname "$0")/jars.sh"

kafka=4.1.1
log4j=2.25.2 # what Kafka logs through; its jars bring the interface only
how="On Debian and Ubuntu: apt install maven openjdk-17-jre-headless; on macOS: brew install maven openjdk"

need_java "A Kafka" "$how"
if [ ! -d "$cache/kafka-$kafka" ]; then
    fetch_jars "A Kafka" "$how" "kafka-$kafka" "org.apache.kafka:kafka_2.13:$kafka" "org.apache.logging.log4j:log4j-slf4j-impl:$log4j"
    keep_jars "kafka-$kafka"
fi
echo "$cache/kafka-$kafka"
