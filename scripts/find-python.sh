#!/bin/sh
# find-python.sh PYTHON: print a Python that Dateline runs on (3.11 or later): PYTHON, or a newer one that PATH has.
set -eu

wanted=${1:-python3}
candidates=$wanted
if [ "$wanted" = python3 ]; then
    candidates="python3 python3.13 python3.12 python3.11"
fi

for candidate in $candidates; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        echo "$candidate"
        exit 0
    fi
done

version=$("$wanted" --version 2>&1) || version="no such command"
echo "Dateline needs Python 3.11 or later; '$wanted' is not one ($version). Name another: make install PYTHON=python3.12" >&2
exit 1
