# scripts/lib.sh: shared by the scripts. A script of this directory sources it, and then runs at the top of the tree.
# scripts/setup installs the packages that the scripts need.
# shellcheck shell=sh
set -eu
cd "$(dirname "$0")/.."
export LC_ALL=C

# shellcheck disable=SC2034 # for the scripts
jobs=$(getconf _NPROCESSORS_ONLN)
venv=build/venv # the Python tools of tests/requirements.txt
# shellcheck disable=SC2034
docs_venv=build/docs-venv # those of docs/requirements.txt
wheel_venv=build/wheel-venv # those of tests/requirements.txt, and the wheel
# shellcheck disable=SC2034
c="src include cli compat python tests fuzz bench examples" # all C of the project
# All Python of the project; the scripts of bench have no ending.
bench_scripts=$(grep -l -d skip '^#!/usr/bin/env python3$' bench/*)
# shellcheck disable=SC2034
python="python/src examples/python tests scripts scripts/tree-figures docs fuzz/make-seeds bench $bench_scripts"

say() { printf '\n== %s\n' "$*"; }
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Debian's Python, not a shim or one built by a version manager, because Debian's packages are for it.
system_python() { if [ -x /usr/bin/python3 ]; then echo /usr/bin/python3; else echo python3; fi; }

# The Python package: the source distribution and, from that, the wheel, both in $dist. Warnings are errors.
dist=build/dist
build_wheel() {
    rm -rf $dist
    "$venv/bin/pyproject-build" --outdir $dist --config-setting=cmake.define.REDELTA_WERROR=ON . >build/wheel.log 2>&1 || {
        cat build/wheel.log
        return 1
    }
}

# A new Python environment with the wheel, as users install it, and the tools of the tests.
make_wheel_venv() {
    rm -rf $wheel_venv
    scripts/setup wheel && $wheel_venv/bin/python -m pip install -q --disable-pip-version-check --no-index $dist/*.whl
}

# ---- Builds ----------------------------------------------------------------------------------------------------------

# build PRESET [DEFINITION...]: configures and builds one of CMakePresets.json.
build() {
    preset=$1
    shift
    cmake --preset "$preset" "$@" && cmake --build --preset "$preset"
}
