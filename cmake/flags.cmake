# How every target of redelta is compiled and linked. All of it belongs to targets: a project that contains redelta as a
# subproject keeps its own flags.

set(redelta_warnings -Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla -Wconversion -Wmissing-prototypes
                     -Wstrict-prototypes)

# C11 without compiler extensions, hidden symbols, the project's warnings, and the sanitizers if there are any.
function(redelta_set_flags target)
  set_target_properties(${target} PROPERTIES
    C_STANDARD 11
    C_STANDARD_REQUIRED ON
    C_EXTENSIONS OFF
    C_VISIBILITY_PRESET hidden)
  target_compile_options(${target} PRIVATE ${redelta_warnings} $<$<BOOL:${REDELTA_WERROR}>:-Werror>)
  if(REDELTA_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${REDELTA_SANITIZE} -fno-sanitize-recover=all
                                             -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=${REDELTA_SANITIZE})
  endif()
endfunction()

# The shared library exports what `map` lists and nothing else. What it leaves undefined is found now, not by its users;
# a sanitizer's run-time library is the exception, since it comes with the program.
function(redelta_set_exports target map)
  if(UNIX AND NOT APPLE)
    target_link_options(${target} PRIVATE LINKER:--version-script=${PROJECT_SOURCE_DIR}/${map})
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${PROJECT_SOURCE_DIR}/${map})
    if(NOT REDELTA_SANITIZE)
      target_link_options(${target} PRIVATE LINKER:--no-undefined)
    endif()
  endif()
endfunction()

# Takes from the list of sources what the system has no use for: on Windows the files `name`.c of the names given, which
# have another form there or none, elsewhere those that are named ..._windows.c.
function(redelta_choose_sources list)
  set(sources ${${list}})
  if(WIN32)
    foreach(name IN LISTS ARGN)
      list(FILTER sources EXCLUDE REGEX "/${name}\\.c$")
    endforeach()
  else()
    list(FILTER sources EXCLUDE REGEX "_windows\\.c$")
  endif()
  set(${list} ${sources} PARENT_SCOPE)
endfunction()
