# gdb tests: each .py with a `# gdbvm: image` header is one CTest entry, run with a VM and a stock gdb of its own.
file(GLOB gdb_files CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.py)
set(gdb_tests)  # the lab runs them, too
foreach(test ${gdb_files})
  file(STRINGS ${test} is_test REGEX "^# gdbvm: image")
  if(NOT is_test)
    continue()
  endif()
  list(APPEND gdb_tests ${test})
  get_filename_component(name ${test} NAME_WE)
  add_test(NAME gdb.${name} COMMAND python3 ${CMAKE_CURRENT_LIST_DIR}/run.py --gdbvm $<TARGET_FILE:gdbvm>
                                    --guests ${CMAKE_BINARY_DIR}/guests -j 1 ${test})
  set_tests_properties(gdb.${name} PROPERTIES LABELS gdb SKIP_RETURN_CODE 77 TIMEOUT 300)
endforeach()

include(${CMAKE_CURRENT_LIST_DIR}/../runner/tests.cmake)  # what runs them
