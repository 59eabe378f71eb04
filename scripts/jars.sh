# jars.sh: read in by who needs a server of the tests' own that runs from jars: fetch-kafka.sh, fetch-opensearch.sh and who calls them.

oldest_java=17
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dateline

fail() {
    echo "$*" >&2
    exit 1
}

# of_java PROGRAM: print how a program of Java's is called.
of_java() {
    echo "${JAVA_HOME:+$JAVA_HOME/bin/}$1"
}

# need_java SERVER HOW: fail, and say how to get one, where there is no Java that runs a server.
need_java() {
    java=$("$(of_java java)" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
    [ "${java:-0}" -ge "$oldest_java" ] || fail "$1 of the tests' own needs Java $oldest_java or later, and there is ${java:-none}. $2"
}

# fetch_jars SERVER HOW NAME GROUP:ARTIFACT:VERSION…: have Maven put the jars that these need into "$new/NAME", a folder that is gone
# when the script ends; `keep_jars NAME` puts it into the cache.
fetch_jars() {
    server=$1 how=$2 name=$3
    shift 3
    command -v mvn >/dev/null || fail "$server of the tests' own is fetched by Maven, and there is no mvn. $how"
    echo "Fetching $name into $cache …" >&2
    mkdir -p "$cache"
    new=$(mktemp -d "$cache/fetching.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    {
        echo "<project><modelVersion>4.0.0</modelVersion><groupId>dateline</groupId><artifactId>jars</artifactId><version>0</version>"
        echo "<dependencies>"
        for one; do
            echo "$one" | sed 's|\(.*\):\(.*\):\(.*\)|<dependency><groupId>\1</groupId><artifactId>\2</artifactId><version>\3</version></dependency>|'
        done
        echo "</dependencies></project>"
    } >"$new/pom.xml"
    mvn --quiet --batch-mode --file "$new/pom.xml" dependency:copy-dependencies -DoutputDirectory="$new/$name" >"$new/log" 2>&1 ||
        fail "Maven could not fetch $name: $(cat "$new/log")"
}

# keep_jars NAME: put what was fetched into the cache. Who comes second cannot put a folder in the place of a full one, and uses that.
keep_jars() {
    mv "$new/$1" "$cache/" 2>/dev/null || [ -d "$cache/$1" ]
}

# ensure SERVER ADDRESS PACKAGE…: see that tests have a server: one that runs at ADDRESS, a Docker engine, or what `runs_here` finds.
# In CI what is missing is installed where that is possible, else an error; at home it is only said.
ensure() {
    server=$1 address=$2
    shift 2
    case ${CI:-} in
        "" | 0 | false)
            runs_elsewhere || runs_here || echo "So what needs $server is skipped." >&2
            return
            ;;
    esac
    # Some tests kill servers and read their files, which only our own allow; nothing is skipped in CI, so these are wanted in any case.
    if ! runs_here 2>/dev/null; then
        scripts/apt-install.sh "$@" || true
        runs_here || runs_elsewhere
    fi
}

runs_elsewhere() {
    [ -n "$address" ] || docker version >/dev/null 2>&1
}
