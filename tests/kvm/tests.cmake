# Tests on this host's /dev/kvm, without gdb: one program, one CTest entry per tag. 77: skipped, the reason is printed.
file(GLOB kvm_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.cpp)
add_executable(kvm_tests ${kvm_sources})
target_link_libraries(kvm_tests PRIVATE gdbvm_options catch_runner vmm_debug)
set(kvm_tags probes protect vcpu vcpu_thread access_watch machine debugger software_step)
foreach(tag ${kvm_tags})
  add_test(NAME kvm.${tag} COMMAND kvm_tests "[${tag}]" --warn NoTests)
  set_tests_properties(kvm.${tag} PROPERTIES LABELS kvm SKIP_RETURN_CODE 77 TIMEOUT 300)
endforeach()
