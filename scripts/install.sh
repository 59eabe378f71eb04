#!/bin/sh
# install.sh PYTHON VENV WHAT: install WHAT ('.' or '.[dev]') into VENV, with the versions of constraints.txt.
# A VENV that is there and works is kept.
set -eu
cd "$(dirname "$0")/.."

wanted=$1 venv=$2 what=$3

if ! "$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    python=$(scripts/find-python.sh "$wanted")
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        echo "'$python' cannot make a virtual environment: it has no ensurepip. On Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    fi
    "$python" -m venv --clear "$venv"
fi

echo "Installing into $venv …"
# Versions of the build's own tools are held too: by the first setting up to pip 25.2, by the second after it.
# A path with a space would be read as two, hence the relative one.
PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 \
    "$venv/bin/python" -m pip install --quiet --editable "$what"
