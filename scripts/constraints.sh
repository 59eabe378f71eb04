#!/bin/sh
# constraints.sh PYTHON: write constraints.txt, one set of versions for each Python and system that pyproject.toml allows.
set -eu
cd "$(dirname "$0")/.."

python=$(scripts/find-python.sh "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/venv"
PIP_DISABLE_PIP_VERSION_CHECK=1 "$work/venv/bin/python" -m pip install --quiet uv

# What builds Dateline: the backend, and what hatchling asks for when the install is an editable one.
"$python" - >"$work/build.txt" <<'PYTHON'
import pathlib, tomllib

project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())
print(*project["build-system"]["requires"], "editables", sep="\n")
PYTHON

{
    echo "# The versions that make and CI install, for Python 3.11 and later. Written by: make constraints"
    "$work/venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
        --extra dev --no-header --no-annotate --no-emit-index-url pyproject.toml "$work/build.txt"
} >"$work/constraints.txt"

if grep -nvE '^(#.*|[a-z0-9-]+==[0-9][A-Za-z0-9.+!]*( ; .*)?)$' "$work/constraints.txt"; then
    echo "constraints.txt is unchanged: the lines above are no plain versions" >&2
    exit 1
fi
cat "$work/constraints.txt" >constraints.txt
echo "constraints.txt: $(grep -c == constraints.txt) versions"
