# The kvm and gdb labels again, inside the lab (README.md): on VT-x as Bochs has it. One boot serves them all; each gets a VM of
# its own. What goes in is copied when it is built.
# Off by default: it needs a minute of boot, a whole core and packages of its own. scripts/test turns it on.
option(GDBVM_LAB "tests inside the lab" OFF)
if(NOT GDBVM_LAB)
  return()
endif()
set(lab ${CMAKE_BINARY_DIR}/lab/served)
set(run_lab ${CMAKE_SOURCE_DIR}/scripts/lab)

add_custom_target(lab_files ALL
  COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/lab-bin
  COMMAND ${CMAKE_COMMAND} -E copy_if_different $<TARGET_FILE:gdbvm> $<TARGET_FILE:kvm_tests> ${CMAKE_BINARY_DIR}/lab-bin
  DEPENDS gdbvm kvm_tests VERBATIM)

function(lab_test name)
  add_test(NAME lab.${name} COMMAND ${ARGN})
  set_tests_properties(lab.${name} PROPERTIES LABELS lab FIXTURES_REQUIRED lab RESOURCE_LOCK lab SKIP_RETURN_CODE 77
                       TIMEOUT 1500)
endfunction()

# What the Linux tests boot, where guests/linux/build has made it; not vmlinux itself, which only gdb reads.
set(linux $ENV{HOME}/.cache/gdbvm/linux)
if(DEFINED ENV{GDBVM_LINUX})
  set(linux $ENV{GDBVM_LINUX})
endif()
set(linux_files)
foreach(name bzImage vmlinux.boot cloud-vmlinuz initramfs.cpio.gz initramfs-cloud.cpio.gz root.ext2 small.ext2)
  if(EXISTS ${linux}/${name})
    list(APPEND linux_files --file ${linux}/${name})
  endif()
endforeach()

add_test(NAME lab.boot COMMAND ${run_lab} --build ${CMAKE_BINARY_DIR} ${linux_files} --serve ${lab})
add_test(NAME lab.end COMMAND ${run_lab} --stop ${lab})
set_tests_properties(lab.boot PROPERTIES LABELS lab FIXTURES_SETUP lab TIMEOUT 900)
set_tests_properties(lab.end PROPERTIES LABELS lab FIXTURES_CLEANUP lab)

# The CPU in software is compared with KVM on the host: 18 000 times take minutes here.
list(REMOVE_ITEM kvm_tags software_step)
foreach(tag ${kvm_tags})
  lab_test(kvm.${tag} ${run_lab} --in ${lab} --timeout 1200 env GDBVM_SLOW=1 kvm_tests "[${tag}]" --warn NoTests)
endforeach()
foreach(test ${gdb_tests})
  get_filename_component(name ${test} NAME_WE)
  lab_test(gdb.${name} python3 ${CMAKE_SOURCE_DIR}/tests/gdb/run.py --lab ${lab} --guests ${CMAKE_BINARY_DIR}/guests ${test})
endforeach()
