// Keeps the lab alive while a guest spins with interrupts off.
//
// In Bochs 2.7 a VM entry with RFLAGS.IF clear, on VT-x and SVM alike, leaves the host's own interrupts masked although
// "external-interrupt exiting" is set, so a guest that then spins is never left again. An NMI does end it. So the PIT
// is turned into a watchdog whose bite is an NMI: while every CPU gets to run a thread of ours, it is rewound and stays
// silent; when one is stuck in its guest, it bites, KVM leaves the guest, and the interrupts that waited are served.
// VT-x only: on SVM Bochs lets an NMI in while GIF is clear, which Linux does not survive.
#pragma once

// Process 1, once. The kernel needs iomem=relaxed (the I/O APIC is mapped) and nohpet (the PIT's pin stays the PIT's).
void start_watchdog(void);
