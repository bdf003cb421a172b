// SPDX-License-Identifier: GPL-2.0
// A module for lx-symbols: something to break in that the kernel's image does not have.
#include <linux/init.h>
#include <linux/module.h>

static int shelf = 41;

static noinline __noclone int put_on_shelf(int items) {
  shelf += items;
  return shelf;
}

static int __init gdbvm_module_init(void) {
  pr_info("gdbvm_module: %d on the shelf\n", put_on_shelf(1));
  return 0;
}

static void __exit gdbvm_module_exit(void) { pr_info("gdbvm_module: %d left\n", put_on_shelf(-1)); }

module_init(gdbvm_module_init);
module_exit(gdbvm_module_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A module to be debugged");
