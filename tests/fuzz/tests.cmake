# Bounded libFuzzer runs on the seeds of corpus/NAME and what earlier runs found. Only with -DGDBVM_FUZZ=ON (clang).
# For a long run: scripts/fuzz NAME SECONDS.
if(NOT GDBVM_FUZZ)
  return()
endif()
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL Clang)
  message(FATAL_ERROR "GDBVM_FUZZ needs clang: add -DCMAKE_CXX_COMPILER=clang++-19")
endif()
set(GDBVM_FUZZ_SECONDS 10 CACHE STRING "how long each fuzz test runs")

# gdbvm_fuzz(NAME libraries…): fuzz_NAME.cpp with the seeds in corpus/NAME.
function(gdbvm_fuzz name)
  add_executable(fuzz_${name} fuzz/fuzz_${name}.cpp)
  target_link_libraries(fuzz_${name} PRIVATE gdbvm_options ${ARGN})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  set(found ${CMAKE_BINARY_DIR}/corpus/${name})
  file(MAKE_DIRECTORY ${found})
  add_test(NAME fuzz.${name} COMMAND fuzz_${name} -max_total_time=${GDBVM_FUZZ_SECONDS} -timeout=10 -rss_limit_mb=1024
           -verbosity=0 -print_final_stats=1 -artifact_prefix=${found}- ${found} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
  math(EXPR limit "${GDBVM_FUZZ_SECONDS} + 60")
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT ${limit})
endfunction()

gdbvm_fuzz(image vmm_loader)
gdbvm_fuzz(page_walk vmm_cpu)
gdbvm_fuzz(memory_operands vmm_debug)
gdbvm_fuzz(devices vmm_devices)
gdbvm_fuzz(ide vmm_devices)
gdbvm_fuzz(virtio vmm_devices)
gdbvm_fuzz(fw_cfg vmm_devices)
gdbvm_fuzz(software_step vmm_debug)
gdbvm_fuzz(rsp_packet gdbstub)
gdbvm_fuzz(rsp_session gdbstub)
gdbvm_fuzz(agent_expression gdbstub)
