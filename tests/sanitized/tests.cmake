# The tests of the sanitizers' build folders (presets asan and tsan), each as one test here. scripts/test builds them.
# in_folder(NAME LABEL PRESET ctest-arguments…)
function(in_folder name label preset)
  add_test(NAME ${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/sanitized/run ${preset} ${ARGN})
  # COST: the long ones first, beside the many short ones.
  set_tests_properties(${name} PROPERTIES LABELS ${label} SKIP_RETURN_CODE 77 TIMEOUT 600 COST 1000)
endfunction()

in_folder(asan.unit asan asan -L unit)
in_folder(tsan.kvm tsan tsan -L kvm)
foreach(target image page_walk memory_operands devices ide virtio fw_cfg software_step rsp_packet rsp_session agent_expression)
  in_folder(fuzz.${target} fuzz asan -R "^fuzz.${target}$")
endforeach()
