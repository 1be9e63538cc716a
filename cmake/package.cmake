# The packages that cpack makes: Debian's, one for each component of the installation, a tar archive of what a plain
# installation contains, and one of the sources (cpack --config CPackSourceConfig.cmake). scripts/package makes them all.
# The version is that of the project; the files a package has are those that the components install, and nothing here.

set(REDELTA_MAINTAINER "The redelta authors <redelta@localhost>" CACHE STRING "Who answers for the packages: NAME <ADDRESS>")

set(CPACK_PACKAGE_NAME redelta)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR "the redelta project")
set(CPACK_PACKAGE_CONTACT ${REDELTA_MAINTAINER})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has its own
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_PACKAGE_FILE_NAME redelta-${PROJECT_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR TGZ)
set(CPACK_SOURCE_GENERATOR TGZ)
set(CPACK_SOURCE_PACKAGE_FILE_NAME redelta-${PROJECT_VERSION}-source) # without the ending it would be the sdist
set(CPACK_SOURCE_IGNORE_FILES /build/ "/\\.git/" "/\\.git$" "/\\.cache/" /__pycache__/ "/\\.hypothesis/"
                              CMakeUserPresets.json compile_commands.json)

# ---- Debian ---------------------------------------------------------------------------------------------------------

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL libredelta libredelta-dev redelta)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/package-stage.cmake)
set(CPACK_POST_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/package-finish.cmake)
set(debian_version ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})

# debian_package(COMPONENT NAME SECTION LINE...): the package NAME of an installed component. The lines are its description,
# the first one its summary.
function(debian_package component name section)
  string(TOUPPER ${component} upper)
  list(JOIN ARGN "\n" description)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name} PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section} PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "${description}" PARENT_SCOPE)
endfunction()

# debian_library(COMPONENT LIBRARY SOVERSION PACKAGE SINCE MAP [NODE]): what tells dpkg-shlibdeps that a program which is
# linked with the library depends on PACKAGE, at least SINCE: shlibs, and symbols, which are those of the version script
# MAP, of its version NODE if it has one. And the trigger that runs ldconfig.
function(debian_library component library soversion package since map)
  string(TOUPPER ${component} upper)
  set(control ${PROJECT_BINARY_DIR}/debian/${component})
  file(STRINGS ${PROJECT_SOURCE_DIR}/${map} names REGEX "^ +[A-Za-z0-9_]+;$")
  list(TRANSFORM names REPLACE "^ +(.*);$" "\\1")
  set(node Base)
  if(ARGN)
    set(node ${ARGN})
    list(APPEND names ${node})
  endif()
  list(SORT names)
  list(TRANSFORM names REPLACE "(.+)" " \\1@${node} ${since}")
  list(JOIN names "\n" symbols)
  file(WRITE ${control}/symbols "${library}.so.${soversion} ${package} #MINVER#\n${symbols}\n")
  file(WRITE ${control}/shlibs "${library} ${soversion} ${package} (>= ${since})\n")
  file(WRITE ${control}/triggers "activate-noawait ldconfig\n")
  set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA ${control}/symbols ${control}/shlibs ${control}/triggers PARENT_SCOPE)
endfunction()

# debian_replaces(COMPONENT PACKAGE VERSION): the package takes the place of another one, for whatever depends on that.
function(debian_replaces component package version)
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_PROVIDES "${package} (= ${version})" PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_CONFLICTS ${package} PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_REPLACES ${package} PARENT_SCOPE)
endfunction()

debian_package(libredelta libredelta0 libs "rsync remote-delta algorithm - shared library"
  "Brings a file up to date on another machine by sending only what changed:"
  "signatures, deltas and patches in the formats of librsync, with results that"
  "are verified, on all processors.")
debian_library(libredelta libredelta 0 libredelta0 ${PROJECT_VERSION} src/libredelta.map REDELTA_0)

debian_package(libredelta-dev libredelta-dev libdevel "rsync remote-delta algorithm - development files"
  "The header redelta.h, the static library, and what CMake and pkg-config need"
  "to find them.")
set(CPACK_DEBIAN_LIBREDELTA-DEV_PACKAGE_DEPENDS "libredelta0 (= ${debian_version})")
if(redelta_has_zstd) # for programs that are linked with the static library
  string(APPEND CPACK_DEBIAN_LIBREDELTA-DEV_PACKAGE_DEPENDS ", libzstd-dev")
endif()

debian_package(redelta redelta utils "bring remote files up to date by sending only what changed"
  "Makes a small signature of the old version of a file, a delta of the new"
  "version against that signature, and the new version of the old one and the"
  "delta. Neither machine needs both versions. The formats are those of librsync"
  "and its rdiff.")

if(REDELTA_COMPAT)
  list(APPEND CPACK_COMPONENTS_ALL librsync librsync-dev rdiff)
  debian_package(librsync redelta-librsync2 libs "librsync's library on the engine of redelta"
    "Takes the place of librsync2: programs that use it, such as rdiff-backup and"
    "duplicity, run on it as they are, and faster.")
  debian_library(librsync librsync 2 librsync2 ${librsync_version} compat/librsync/librsync.map)
  debian_replaces(librsync librsync2 ${librsync_version})

  debian_package(librsync-dev redelta-librsync-dev libdevel "librsync's library on the engine of redelta - development files"
    "Takes the place of librsync-dev. What is built with it runs with either"
    "library.")
  set(CPACK_DEBIAN_LIBRSYNC-DEV_PACKAGE_DEPENDS "redelta-librsync2 (= ${debian_version})")
  debian_replaces(librsync-dev librsync-dev ${librsync_version})

  debian_package(rdiff redelta-rdiff utils "librsync's command on the engine of redelta"
    "Takes the place of rdiff, with the same command line, output and files.")
  debian_replaces(rdiff rdiff ${librsync_version})
endif()

# For the two scripts, which see the variables of cpack only.
set(CPACK_REDELTA_SOURCE_DIR ${PROJECT_SOURCE_DIR})
set(CPACK_REDELTA_STRIP ${CMAKE_STRIP})
include(CPack)
