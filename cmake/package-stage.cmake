# Run by cpack when the files of the packages are in their places and not yet packed. For Debian's packages it adds what
# policy asks of each: copyright, changelogs, compressed manuals; and takes what debuggers need out of static libraries,
# which cpack does not. Everything is made without times in it, so that the same sources give the same packages.
cmake_minimum_required(VERSION 3.22)
if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()

set(project "${CPACK_REDELTA_SOURCE_DIR}")
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # SOURCE_DATE_EPOCH, if that is set
string(TIMESTAMP year "%Y" UTC)

# copyright(FILE): the license in Debian's machine-readable form.
function(write_copyright file)
  file(STRINGS ${project}/LICENSE lines)
  list(FILTER lines INCLUDE REGEX "^Copyright")
  list(GET lines 0 owner)
  string(REGEX REPLACE "^Copyright \\(c\\) " "" owner "${owner}")
  file(READ ${project}/LICENSE license)
  string(REGEX REPLACE "^.*\n\n(Permission)" "\\1" license "${license}")
  string(STRIP "${license}" license)
  string(REPLACE "\n\n" "\n.\n" license "${license}")
  string(REPLACE "\n" "\n " license "${license}")
  file(WRITE ${file} "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
                     "Upstream-Name: redelta\n\nFiles: *\nCopyright: ${owner}\nLicense: Expat\n ${license}\n")
endfunction()

function(compress)
  execute_process(COMMAND gzip -9nf ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} upper)
  set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  set(tree ${CPACK_TEMPORARY_DIRECTORY}/${component}/usr)
  set(documents ${tree}/share/doc/${package})

  file(REMOVE_RECURSE ${tree}/share/doc)
  write_copyright(${documents}/copyright)
  configure_file(${project}/CHANGELOG.md ${documents}/changelog COPYONLY)
  file(WRITE ${documents}/changelog.Debian
       "redelta (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium\n\n"
       "  * Packages made by the project's own build; see changelog.gz.\n\n"
       " -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
  file(GLOB_RECURSE manuals ${tree}/share/man/*.[1-8])
  compress(${documents}/changelog ${documents}/changelog.Debian ${manuals})

  file(GLOB_RECURSE archives ${tree}/*.a)
  foreach(archive IN LISTS archives)
    execute_process(COMMAND ${CPACK_REDELTA_STRIP} --strip-debug --enable-deterministic-archives ${archive}
                    COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
endforeach()
