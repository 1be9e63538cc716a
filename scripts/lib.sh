# scripts/lib.sh: what the scripts have in common. To be sourced by a script in this directory; it goes to the top of the
# tree. A tool that is there already is used as it is, wherever it comes from; only what is missing is installed.
# shellcheck shell=sh
set -eu
cd "$(dirname "$0")/.."
export LC_ALL=C

# shellcheck disable=SC2034 # for the scripts
jobs=$(getconf _NPROCESSORS_ONLN)
venv=build/venv
# shellcheck disable=SC2034
docs_venv=build/docs-venv
# shellcheck disable=SC2034
c="src include cli compat python tests fuzz bench" # all C of the project
# All Python of the project; the scripts of bench have no ending.
python="python/src examples/python tests scripts docs fuzz/make-seeds bench/measuring.py bench/stock_librsync.py bench/growth bench/hostile bench/make-data bench/nightly bench/python bench/python-compat bench/versus"

say() { printf '\n== %s\n' "$*"; }
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# ---- Packages: `need PACKAGE PROBE...` notes a package whose probe fails, `install_missing` installs what was noted ----

missing=
need() {
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

install_missing() {
    [ -n "$missing" ] || return 0
    have apt-get || die "please install what these packages of Debian contain, and run this again:$missing"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || die "please install as root, and run this again: apt-get install$missing"
        as_root=sudo
    fi
    say "Installing$missing"
    $as_root apt-get update -q
    # shellcheck disable=SC2086 # the list is words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -q -y \
        --no-install-recommends $missing
    missing=
}

# Debian's Python, not a shim or a version manager's build of one, since the packages above belong to it.
system_python() { if [ -x /usr/bin/python3 ]; then echo /usr/bin/python3; else echo python3; fi; }

has_python_header() {
    "$(system_python)" -c 'import pathlib, sysconfig; (pathlib.Path(sysconfig.get_path("include")) / "Python.h").stat()'
}

compiles() { printf '#include <stdlib.h>\nint main(void) { return 0; }\n' | "$@" -x c - -o /dev/null; }

need_build_tools() {
    need gcc have cc
    need libc6-dev compiles cc
    need cmake have cmake
    need ninja-build have ninja
    need pkg-config have pkg-config
    need libzstd-dev pkg-config --exists libzstd
    install_missing
}

need_test_tools() {
    need gcc have gcc
    need libc6-dev compiles gcc
    need clang have clang
    need clang-format have clang-format
    need clang-tidy have clang-tidy
    need pkg-config have pkg-config
    need libcmocka-dev pkg-config --exists cmocka
    need rdiff have rdiff
    need librsync-dev pkg-config --exists librsync
    need libjansson-dev pkg-config --exists jansson
    need zstd have zstd
    need xfsprogs have mkfs.xfs
    need g++ have g++
    need groff-base have groff
    need mandoc have mandoc
    need zsh have zsh
    need fish have fish
    need python3 have "$(system_python)"
    need python3-venv "$(system_python)" -m ensurepip --version
    need python3-dev has_python_header
    install_missing
    # Some distributions pack the run-time libraries of clang's sanitizers with clang, some apart.
    need "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev" compiles clang -fsanitize=address,undefined
    install_missing
}

# For scripts/package. Where there is no apt, it makes no packages of Debian.
need_package_tools() {
    need libjansson-dev pkg-config --exists jansson
    need python3 have "$(system_python)"
    need python3-venv "$(system_python)" -m ensurepip --version
    if have apt-get; then
        need dpkg-dev have dpkg-shlibdeps
    fi
    install_missing
}

# For tests/debian. Elsewhere its tests are skipped.
need_debian_tools() {
    need_package_tools
    have apt-get || return 0
    need lintian have lintian
    need debootstrap have debootstrap
    install_missing
}

# For tests/page, and for the picture of a page in docs/.
need_browser() {
    need chromium have chromium
    need chromium-driver have chromedriver
    install_missing
}

# For scripts/docs.
need_docs_tools() {
    need doxygen have doxygen
    need mandoc have mandoc
    need python3 have "$(system_python)"
    need python3-venv "$(system_python)" -m ensurepip --version
    install_missing
    python_tools "$docs_venv" docs/requirements.txt
}

# The programs that tests/consumers runs on librsync and on what takes its place.
need_consumers() {
    need rdiff-backup have rdiff-backup
    need duplicity have rdiffdir
    install_missing
}

# python_tools DIRECTORY REQUIREMENTS: a virtual environment with those packages. Made anew when the file changes or its
# Python is gone.
python_tools() {
    if cmp -s "$2" "$1/requirements.txt" && "$1/bin/python" -c ''; then
        return 0
    fi
    say "Installing the Python tools of $2 into $1"
    rm -rf "$1"
    "$(system_python)" -m venv "$1"
    "$1/bin/python" -m pip install -q --disable-pip-version-check -r "$2"
    cp "$2" "$1/requirements.txt"
}

make_venv() { python_tools "$venv" tests/requirements.txt; }

# The Python package: the source distribution and, from that, the wheel, both in $dist. Warnings are errors.
dist=build/dist
build_wheel() {
    rm -rf $dist
    "$venv/bin/pyproject-build" --outdir $dist --config-setting=cmake.define.REDELTA_WERROR=ON . >build/wheel.log 2>&1 || {
        cat build/wheel.log
        return 1
    }
}

# A new Python environment with the wheel, as its users have it, and the tools of the tests.
wheel_venv=build/wheel-venv
make_wheel_venv() {
    rm -rf $wheel_venv
    "$(system_python)" -m venv $wheel_venv
    $wheel_venv/bin/python -m pip install -q --disable-pip-version-check -r tests/requirements.txt $dist/*.whl
}

# ---- Builds ----------------------------------------------------------------------------------------------------------

# build PRESET [DEFINITION...]: configures and builds one of CMakePresets.json.
build() {
    preset=$1
    shift
    cmake --preset "$preset" "$@" && cmake --build --preset "$preset"
}
