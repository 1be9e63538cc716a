# What `cmake --install` puts where: the header, both libraries, the command and its man page, and the two ways in which
# a build finds them, find_package(redelta) and pkg-config. Neither contains the prefix, so that the tree can be moved.
include(CMakePackageConfigHelpers)

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/redelta)

install(TARGETS redelta_shared redelta_static EXPORT redelta)
install(TARGETS redelta_command)
install(FILES include/redelta.h TYPE INCLUDE)
install(FILES docs/man/redelta.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES LICENSE TYPE DOC)

# ---- find_package(redelta) ------------------------------------------------------------------------------------------

configure_package_config_file(cmake/redelta-config.cmake.in ${PROJECT_BINARY_DIR}/redelta-config.cmake
                              INSTALL_DESTINATION ${package_directory})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/redelta-config-version.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT redelta NAMESPACE redelta:: FILE redelta-targets.cmake DESTINATION ${package_directory})
install(FILES ${PROJECT_BINARY_DIR}/redelta-config.cmake ${PROJECT_BINARY_DIR}/redelta-config-version.cmake
        DESTINATION ${package_directory})

# ---- pkg-config -----------------------------------------------------------------------------------------------------

include(cmake/pkgconfig.cmake)
if(TARGET PkgConfig::ZSTD)
  set(pc_requires_private libzstd)
endif()
redelta_install_pc(cmake/redelta.pc.in redelta.pc)
