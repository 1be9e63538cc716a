# redelta_install_pc(TEMPLATE NAME [OPTION...]): makes the pkg-config file NAME of TEMPLATE, in which pc_prefix, pc_libdir
# and pc_includedir stand for where things are installed, and installs it; the options are those of install(FILES). The
# paths start from where the file itself is, so that the tree can be moved, unless the directories are absolute.
function(redelta_install_pc template name)
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
  configure_file(${template} ${PROJECT_BINARY_DIR}/${name} @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig ${ARGN})
endfunction()
