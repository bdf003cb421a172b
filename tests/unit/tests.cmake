gdbvm_unit_test(gdbstub gdbstub_server test_support)
gdbvm_unit_test(vmm/base vmm_base)
gdbvm_unit_test(vmm/cpu vmm_cpu)
gdbvm_unit_test(vmm/memory vmm_memory)
gdbvm_unit_test(vmm/loader vmm_loader)
gdbvm_unit_test(vmm/devices vmm_devices)
gdbvm_unit_test(vmm/debug vmm_debug)
gdbvm_unit_test(vmm/console vmm_console)

# The man page and the completion against --help.
if("gdb" IN_LIST GDBVM_TEST_KINDS)
  add_test(NAME unit.documented_options COMMAND ${CMAKE_SOURCE_DIR}/scripts/dist/check_options $<TARGET_FILE:gdbvm>)
  set_tests_properties(unit.documented_options PROPERTIES LABELS unit TIMEOUT 60)
endif()
