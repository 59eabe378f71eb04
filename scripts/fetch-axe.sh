#!/bin/sh
# fetch-axe.sh: print the path of axe-core's script, fetched by npm into the user's cache where it is not there yet.
# Fails, and says what to do, where it cannot be fetched.
set -eu

axe=4.14.1

cache=${XDG_CACHE_HOME:-$HOME/.cache}/dateline
folder=$cache/axe-core-$axe

if [ ! -e "$folder/axe.min.js" ]; then
    if ! command -v npm >/dev/null; then
        echo "What checks the pages' accessibility is fetched by npm, and there is none. On Debian and Ubuntu: apt install npm" >&2
        exit 1
    fi
    echo "Fetching axe-core $axe into $folder …" >&2
    mkdir -p "$cache"
    new=$(mktemp -d "$cache/fetching.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    if ! npm pack --silent --pack-destination "$new" "axe-core@$axe" >"$new/log" 2>&1; then
        echo "npm could not fetch axe-core $axe: $(cat "$new/log")" >&2
        exit 1
    fi
    tar -xzf "$new/axe-core-$axe.tgz" -C "$new"
    # Who comes second cannot put a folder in the place of a full one, and uses that.
    mv "$new/package" "$folder" 2>/dev/null || [ -e "$folder/axe.min.js" ]
fi
echo "$folder/axe.min.js"
