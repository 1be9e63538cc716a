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

if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR} OR IS_ABSOLUTE ${CMAKE_INSTALL_INCLUDEDIR})
  set(pc_prefix ${CMAKE_INSTALL_PREFIX})
  set(pc_libdir ${CMAKE_INSTALL_FULL_LIBDIR})
  set(pc_includedir ${CMAKE_INSTALL_FULL_INCLUDEDIR})
else()
  file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" up "${up}")
  set(pc_prefix \${pcfiledir}/${up})
  set(pc_libdir \${prefix}/${CMAKE_INSTALL_LIBDIR})
  set(pc_includedir \${prefix}/${CMAKE_INSTALL_INCLUDEDIR})
endif()
configure_file(cmake/redelta.pc.in ${PROJECT_BINARY_DIR}/redelta.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/redelta.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
