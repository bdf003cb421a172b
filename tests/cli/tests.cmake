# Command line tests.
include(${CMAKE_CURRENT_LIST_DIR}/../python_tests.cmake)
python_tests(cli ${CMAKE_CURRENT_LIST_DIR} "cli;unit" "cli;kvm" 120)
