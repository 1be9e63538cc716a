# test_contract and test_defects: cmocka, compiled against our librsync.h and linked with our librsync.so.2. The contract
# runs once more on the system's librsync, which LD_LIBRARY_PATH puts before the library of the build: what a test asks
# for is what librsync does. Each program checks that it runs on the library named in REDELTA_LOADED. To be included where
# REDELTA_STOCK_LIBRSYNC is known.

get_filename_component(stock_directory ${REDELTA_STOCK_LIBRSYNC} DIRECTORY)

function(redelta_add_contract_test test name)
  add_test(NAME ${test} COMMAND ${name})
  set_tests_properties(${test} PROPERTIES LABELS compat TIMEOUT 300
    ENVIRONMENT "${environment};CMOCKA_XML_FILE=${junit}/${test}.%g.xml;${ARGN}")
endfunction()

foreach(name IN ITEMS test_contract test_defects)
  add_executable(${name} ${name}.c)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/compat/librsync ${PROJECT_SOURCE_DIR}/include
                                             ${PROJECT_SOURCE_DIR}/tests/unit)
  target_link_libraries(${name} PRIVATE rsync_shared PkgConfig::CMOCKA Threads::Threads ${CMAKE_DL_LIBS})
  target_link_options(${name} PRIVATE LINKER:--enable-new-dtags) # RUNPATH, which yields to LD_LIBRARY_PATH
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/compat)
  redelta_set_flags(${name})
  redelta_add_contract_test(compat.${name} ${name} REDELTA_LOADED=$<TARGET_FILE:rsync_shared>)
endforeach()
redelta_add_contract_test(compat.test_contract-stock test_contract
  LD_LIBRARY_PATH=${stock_directory} REDELTA_LOADED=${REDELTA_STOCK_LIBRSYNC})
set_property(TEST compat.test_contract compat.test_defects APPEND PROPERTY LABELS threads)
