# What the toolchain files of Debian's cross compilers have in common: they set `triple` and CMAKE_SYSTEM_PROCESSOR, and
# include this file with the name of the emulator of qemu-user in `emulator`. Tests then run under that emulator.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${triple}-gcc)
set(CMAKE_CROSSCOMPILING_EMULATOR ${emulator} -L /usr/${triple})
