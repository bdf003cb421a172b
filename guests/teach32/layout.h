/* Where things are in memory. For C, assembly and the linker script. */
#pragma once

/* Where the BIOS puts the boot block, and where that puts the kernel's ELF header. */
#define BOOT_BLOCK 0x7c00
#define ELF_SCRATCH 0x10000

/* The page at which other CPUs start, in real mode: any below 1 MiB that nothing else uses. */
#define AP_START 0x7000

/*
 * Virtual memory. Below KERNEL_BASE each process has its own; from there on all have the kernel's: the machine's
 * memory, then, far up where the hardware has them in physical memory too, the registers of the APICs.
 */
#define KERNEL_BASE 0x80000000
#define KERNEL_START 0x100000 /* physical */
#define USER_START 0x00400000
#define USER_STACK_TOP 0x7ffff000
#define USER_STACK_PAGES 2

/* Physical memory ends here: this kernel takes 224 MiB for granted and asks nobody. */
#define MEMORY_END 0x0e000000

#define PAGE_SIZE 4096

/* What the segment registers hold. */
#define KERNEL_CODE 0x08
#define KERNEL_DATA 0x10
#define USER_CODE 0x1b
#define USER_DATA 0x23
#define THIS_CPU 0x28 /* %gs in the kernel: this CPU's struct cpu */
#define TASK_STATE 0x30

#define SYSTEM_CALL 0x40
