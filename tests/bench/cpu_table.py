"""The MP table that firmware would hand to smp64: QEMU's quick firmware, qboot, leaves it out, and with SeaBIOS each boot
takes seconds and the page at 0x8000, where the other CPUs start, is cleared. MultiProcessor Specification 1.4, chapter 4."""
import struct

EBDA, EBDA_SEGMENT_WORD = 0x90000, 0x40E
TABLE = EBDA + 16
LOCAL_APIC = 0xFEE00000
CHECKSUM_OF_POINTER, CHECKSUM_OF_TABLE = 10, 7
ENABLED, BOOT_CPU = 1, 2


def _summed(content, checksum_at):
    """With the byte set that makes all bytes add up to 0."""
    result = bytearray(content)
    result[checksum_at] = -sum(result) & 0xFF
    return bytes(result)


def hand_over(client, cpus):
    """Writes it for CPUs with the local APIC ids 0, 1, …; the guest has not looked yet."""
    pointer = struct.pack("<4sIBBB5x", b"_MP_", TABLE, 1, 4, 0)
    entries = b"".join(
        struct.pack("<BBBBII8x", 0, cpu, 0x14, ENABLED | (BOOT_CPU if cpu == 0 else 0), 0, 0) for cpu in range(cpus)
    )
    header = struct.pack("<4sHBB20sIHHII", b"PCMP", 44 + len(entries), 4, 0, b"gdbvm bench", 0, 0, cpus, LOCAL_APIC, 0)
    content = _summed(pointer, CHECKSUM_OF_POINTER) + _summed(header + entries, CHECKSUM_OF_TABLE)
    client.must(f"M{EBDA:x},{len(content):x}:{content.hex()}")
    client.must(f"M{EBDA_SEGMENT_WORD:x},2:{struct.pack('<H', EBDA >> 4).hex()}")
