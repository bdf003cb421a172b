/* From a file on drive 1, an ELF program, to a process. */
#include "teach32/elf.h"
#include "teach32/kernel.h"

/* What the file says is believed only as far as it makes sense. */
static bool is_sound(const struct elf_program_header* segment) {
  return segment->virtual >= USER_START && segment->virtual < USER_STACK_TOP &&
         segment->memory_size <= USER_STACK_TOP - segment->virtual && segment->file_size <= segment->memory_size &&
         segment->virtual % PAGE_SIZE == 0;
}

static bool load_page(struct process* process, const struct file* file, const struct elf_program_header* segment,
                      uint32_t offset) {
  const uint32_t address = segment->virtual + offset;
  if (is_user_memory(process->directory, address, 1, 0)) return false; /* two segments in one page */
  void* const page =
      add_user_page(process->directory, address, (segment->flags & ELF_WRITABLE) != 0 ? PAGE_WRITABLE : 0);
  if (offset >= segment->file_size) return true;
  const uint32_t left = segment->file_size - offset;
  const uint32_t size = left < PAGE_SIZE ? left : PAGE_SIZE;
  return archive_read(file, segment->offset + offset, page, size) == (int)size;
}

static bool load_segment(struct process* process, const struct file* file, unsigned offset) {
  struct elf_program_header segment;
  if (archive_read(file, offset, &segment, sizeof segment) != (int)sizeof segment) return false;
  if (segment.type != ELF_LOAD || segment.memory_size == 0) return true;
  if (!is_sound(&segment)) return false;
  for (uint32_t i = 0; i < segment.memory_size; i += PAGE_SIZE) {
    if (!load_page(process, file, &segment, i)) return false;
  }
  return true;
}

static bool load(struct process* process, const struct file* file) {
  struct elf_header header;
  if (archive_read(file, 0, &header, sizeof header) != (int)sizeof header || header.magic != ELF_MAGIC) return false;
  for (unsigned i = 0; i < header.program_header_count; i++) {
    const unsigned offset = header.program_headers + i * (unsigned)sizeof(struct elf_program_header);
    if (!load_segment(process, file, offset)) return false;
  }
  for (unsigned i = 1; i <= USER_STACK_PAGES; i++) {
    if (!is_user_memory(process->directory, USER_STACK_TOP - i * PAGE_SIZE, 1, 0)) {
      add_user_page(process->directory, USER_STACK_TOP - i * PAGE_SIZE, PAGE_WRITABLE);
    }
  }
  *process->user = (struct trap_frame){
      .eip = header.entry,
      .cs = USER_CODE,
      .ds = USER_DATA,
      .es = USER_DATA,
      .fs = USER_DATA,
      .gs = USER_DATA,
      .ss = USER_DATA,
      .esp = USER_STACK_TOP,
      .eflags = 0x202, /* interrupts on */
  };
  return true;
}

int start_program(const char* name) {
  struct file file;
  if (!archive_find(name, &file)) return NO_SUCH_FILE;
  struct process* const process = new_process(name);
  if (process == NULL) return NO_ROOM;
  process->directory = new_space();
  if (!load(process, &file)) {
    give_up_process(process);
    return BAD_PROGRAM;
  }
  const int id = (int)process->id;
  make_ready(process);
  return id;
}
