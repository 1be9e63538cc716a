# What `cmake --install` puts where: the header, both libraries, the command, manuals and completions, and the two ways in
# which a build finds them, find_package(redelta) and pkg-config. Neither contains the prefix, so that the tree can be moved.
# The components are Debian's packages (package.cmake): the library, what developers need besides, the command.
include(CMakePackageConfigHelpers)

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/redelta)

set(development COMPONENT libredelta-dev)
install(TARGETS redelta_shared EXPORT redelta
        RUNTIME COMPONENT libredelta
        LIBRARY COMPONENT libredelta NAMELINK_COMPONENT libredelta-dev
        ARCHIVE ${development})
install(TARGETS redelta_static EXPORT redelta ARCHIVE ${development})
install(FILES include/redelta.h TYPE INCLUDE ${development})
install(TARGETS redelta_command RUNTIME COMPONENT redelta)
install(FILES LICENSE TYPE DOC COMPONENT redelta)

# ---- Manuals and completions ----------------------------------------------------------------------------------------

file(GLOB manuals_of_verbs CONFIGURE_DEPENDS docs/man/redelta*.1)
install(FILES ${manuals_of_verbs} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT redelta)
install(FILES docs/man/redelta-formats.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT redelta)
install(FILES docs/man/libredelta.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 ${development})

set(zsh_directory site-functions)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr" AND EXISTS /etc/debian_version) # Debian's zsh looks there for what packages bring
  set(zsh_directory vendor-completions)
endif()
install(FILES completions/redelta.bash RENAME redelta
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT redelta)
install(FILES completions/_redelta DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/${zsh_directory} COMPONENT redelta)
install(FILES completions/redelta.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT redelta)

# ---- find_package(redelta) ------------------------------------------------------------------------------------------

configure_package_config_file(cmake/redelta-config.cmake.in ${PROJECT_BINARY_DIR}/redelta-config.cmake
                              INSTALL_DESTINATION ${package_directory})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/redelta-config-version.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT redelta NAMESPACE redelta:: FILE redelta-targets.cmake DESTINATION ${package_directory} ${development})
install(FILES ${PROJECT_BINARY_DIR}/redelta-config.cmake ${PROJECT_BINARY_DIR}/redelta-config-version.cmake
        DESTINATION ${package_directory} ${development})

# ---- pkg-config -----------------------------------------------------------------------------------------------------

include(cmake/pkgconfig.cmake)
if(redelta_has_zstd)
  set(pc_requires_private libzstd)
endif()
redelta_install_pc(cmake/redelta.pc.in redelta.pc ${development})
