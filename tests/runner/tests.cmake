# `gdbvm test` itself.
include(${CMAKE_CURRENT_LIST_DIR}/../python_tests.cmake)
python_tests(runner ${CMAKE_CURRENT_LIST_DIR} unit gdb 600)
