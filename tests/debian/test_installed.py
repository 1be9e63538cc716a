"""The packages in a fresh Debian: installed, used, and removed again. The tests build on each other, in order."""

from __future__ import annotations

from debian.tools import Debian, Package

REPLACED = {"librsync2", "librsync-dev", "rdiff"}
REPLACING = ("redelta-librsync2", "redelta-librsync-dev", "redelta-rdiff")

STEPS = """
rm -rf /tmp/steps && mkdir /tmp/steps && cd /tmp/steps
seq 200000 > old
sed -e '5000,5010d' -e '90000s/$/ and more/' old > new
{0} signature old sig
{0} delta sig new delta
{0} patch old delta patched
cmp new patched
wc -c < delta
"""

PROGRAM = """
#include <redelta.h>
#include <stdio.h>
int main(void) {
    rd_memory made = {0};
    rd_source basis = rd_source_memory("what the basis has", 18);
    rd_sink out = rd_sink_memory(&made);
    if (rd_signature_make(&basis, &out, NULL) != RD_OK)
        return 1;
    printf("%s %zu\\n", rd_version(), made.size);
    rd_memory_free(&made);
    return 0;
}
"""

PROGRAM_OF_LIBRSYNC = """
#include <stdint.h>
#include <stdio.h>
#include <librsync.h>
int main(void) {
    puts(rs_librsync_version);
    return rs_strerror(RS_DONE) == NULL;
}
"""


def test_the_command_runs_alone(debian: Debian, packages: dict[str, Package]) -> None:
    debian.install(packages["redelta"])
    assert int(debian.shell(STEPS.format("redelta"))) < 100_000
    assert "redelta VERB" in debian.run("redelta", "--help")
    debian.shell("bash -c '. /usr/share/bash-completion/completions/redelta; complete -p redelta'")


def test_a_program_is_built_with_the_library_and_depends_on_its_package(
    debian: Debian, packages: dict[str, Package]
) -> None:
    debian.install(packages["libredelta-dev"], packages["libredelta0"])
    (debian.root / "tmp/program.c").write_text(PROGRAM)
    version = packages["redelta"].fields["Version"].removesuffix("-1")
    debian.shell("gcc /tmp/program.c -o /tmp/program $(pkg-config --cflags --libs redelta)")
    assert debian.run("/tmp/program").split() == [version, str(12 + 4 + 32)]
    debian.shell("gcc -static /tmp/program.c -o /tmp/static $(pkg-config --static --cflags --libs redelta)")
    assert debian.run("/tmp/static").split()[0] == version
    assert f"libredelta0 (>= {version})" in depends(debian, "/tmp/program")


def depends(debian: Debian, program: str) -> str:
    """The packages on which a program depends, from Debian's own tool."""
    script = f"mkdir -p /tmp/d/debian && cd /tmp/d && echo 'Source: d' > debian/control && dpkg-shlibdeps -O {program}"
    return debian.shell(script)


def test_what_depends_on_librsync_stays_when_its_package_is_replaced(
    debian: Debian, packages: dict[str, Package]
) -> None:
    before = debian.installed()
    assert before >= REPLACED
    debian.install(*(packages[name] for name in REPLACING))
    assert debian.installed() == before - REPLACED | set(REPLACING)
    debian.run("apt-get", "check")


def test_the_linker_finds_our_librsync(debian: Debian) -> None:
    (line,) = [line for line in debian.run("ldconfig", "-p").splitlines() if "librsync.so.2 " in line]
    path = debian.run("realpath", line.split(" => ")[1]).strip()
    assert debian.run("dpkg", "-S", path).startswith("redelta-librsync2:")


def test_rdiff_runs(debian: Debian) -> None:
    assert int(debian.shell(STEPS.format("rdiff"))) < 100_000
    assert debian.run("dpkg", "-S", "/usr/bin/rdiff").startswith("redelta-rdiff:")


def test_a_program_is_built_with_our_librsync_and_may_have_either(debian: Debian) -> None:
    (debian.root / "tmp/program.c").write_text(PROGRAM_OF_LIBRSYNC)
    debian.shell("gcc /tmp/program.c -o /tmp/of-librsync $(pkg-config --cflags --libs librsync)")
    assert "2.3.2" in debian.run("/tmp/of-librsync")
    assert "librsync2 (>= 2.3.2)" in depends(debian, "/tmp/of-librsync")


def test_rdiff_backup_backs_up_and_restores(debian: Debian) -> None:
    debian.shell("""
        rm -rf /tmp/b && mkdir -p /tmp/b/data && cd /tmp/b
        seq 300000 > data/file
        cp data/file first
        rdiff-backup --current-time 1000000 backup data kept
        sed -i '1000,1005d' data/file
        rdiff-backup --current-time 2000000 backup data kept
        test -s kept/rdiff-backup-data/increments/file.*.diff.gz
        rdiff-backup restore --at 1000000 kept restored
        cmp first restored/file
        rdiff-backup restore --at now kept restored-now
        cmp data/file restored-now/file
    """)


def test_duplicity_backs_up_and_restores(debian: Debian) -> None:
    debian.shell("""
        rm -rf /tmp/c && mkdir -p /tmp/c/data && cd /tmp/c
        seq 300000 > data/file
        duplicity full --no-encryption --archive-dir /tmp/c/a data file:///tmp/c/kept
        sleep 1
        sed -i '1000,1005d' data/file
        duplicity incremental --no-encryption --archive-dir /tmp/c/a data file:///tmp/c/kept
        duplicity restore --no-encryption --archive-dir /tmp/c/a file:///tmp/c/kept restored
        cmp data/file restored/file
    """)


def test_librsync_s_own_packages_can_come_back(debian: Debian) -> None:
    before = debian.installed()
    debian.shell("""
        cd /var/cache/apt/archives
        apt-get install -y ./librsync2_*.deb ./librsync-dev_*.deb ./rdiff_*.deb
    """)
    assert debian.installed() == before - set(REPLACING) | REPLACED
    assert int(debian.shell(STEPS.format("rdiff"))) < 100_000
    assert "2.3.2" in debian.run("/tmp/of-librsync")


def test_nothing_stays_when_they_are_removed(debian: Debian) -> None:
    debian.run("apt-get", "purge", "-y", "redelta", "libredelta0", "libredelta-dev")
    assert not [name for name in debian.installed() if "redelta" in name]
    assert debian.shell("find /usr /etc /var/lib -name '*redelta*'") == ""
