# Where libzstd is, if compression is to be had; REDELTA_ZSTD decides. Without it, asking for compression is an error of
# the library, and all else works.
if(NOT REDELTA_ZSTD MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "REDELTA_ZSTD is ${REDELTA_ZSTD}: it may be AUTO, ON or OFF")
endif()
set(redelta_zstd_version 1.4.0) # the first with the streaming API that is used
if(NOT REDELTA_ZSTD STREQUAL "OFF")
  find_package(PkgConfig QUIET)
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(ZSTD QUIET IMPORTED_TARGET libzstd>=${redelta_zstd_version})
  endif()
  if(TARGET PkgConfig::ZSTD)
    message(STATUS "Compression: by libzstd ${ZSTD_VERSION}")
  elseif(REDELTA_ZSTD STREQUAL "ON")
    message(FATAL_ERROR "REDELTA_ZSTD is ON, but pkg-config finds no libzstd >= ${redelta_zstd_version}")
  else()
    message(STATUS "Compression: none, for pkg-config finds no libzstd >= ${redelta_zstd_version}")
  endif()
endif()

# Objects of src/compress are compiled with zstd, if there is any.
function(redelta_use_zstd target)
  if(TARGET PkgConfig::ZSTD)
    target_compile_definitions(${target} PRIVATE RD_ZSTD)
    target_link_libraries(${target} PRIVATE PkgConfig::ZSTD)
  endif()
endfunction()

# A library with such objects in it.
function(redelta_link_zstd target)
  if(TARGET PkgConfig::ZSTD)
    target_link_libraries(${target} PRIVATE PkgConfig::ZSTD)
  endif()
endfunction()
