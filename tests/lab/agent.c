// The lab's agent: process 1 inside, once `init` has loaded KVM. It runs one command at a time for the host.
//
// /dev/ttyS2 carries control frames, both ways: '#' TYPE LEN(4 hex) PAYLOAD SUM(2 hex, payload bytes modulo 256)
//   host → agent   R  "ID\0ARG0\0ARG1\0…": run a command; a repeated ID is ignored, so the host may ask again
//                  T  the same, and its stdin is what is typed; else it is empty
//                  I  bytes typed
//                  K  kill everything that runs
//   agent → host   H  hello, text    S  started, ID    O, E  bytes of stdout, stderr    X  ended, "ID STATUS"
//                  ?  a damaged frame came in
// /dev/ttyS1 belongs to the running command. The agent keeps it open, since input that arrives while a serial device
// is closed is lost. With no command running it answers each "\1lab-…\n" on that line with itself and throws the
// rest away: so the host knows that nothing old is left in either direction.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "watchdog.h"

enum { kMaxPayload = 8192, kFrameOverhead = 8, kMaxArgs = 256, kChunk = 2048 };

static int control, line, child_signals;
static pid_t child;
static int child_in = -1, child_out = -1, child_err = -1;
static char job[32];

static int open_serial(const char* path) {
  const int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  struct termios mode;
  if (fd < 0 || tcgetattr(fd, &mode) < 0) return fd;
  cfmakeraw(&mode);
  cfsetspeed(&mode, B115200);
  mode.c_cflag |= CLOCAL | CREAD;
  tcsetattr(fd, TCSANOW, &mode);
  return fd;
}

static void write_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t n = write(fd, bytes, size);
    if (n < 0 && errno != EINTR && errno != EAGAIN) return;
    if (n > 0) bytes += n, size -= (size_t)n;
  }
}

static unsigned sum(const char* bytes, size_t size) {
  unsigned total = 0;
  while (size-- > 0) total += (unsigned char)*bytes++;
  return total & 0xff;
}

static void send_frame(char type, const char* payload, size_t size) {
  char frame[kMaxPayload + kFrameOverhead + 1];
  snprintf(frame, sizeof frame, "#%c%04zx", type, size);
  memcpy(frame + 6, payload, size);
  snprintf(frame + 6 + size, 3, "%02x", sum(payload, size));
  write_all(control, frame, size + kFrameOverhead);
}

static void send_text(char type, const char* text) { send_frame(type, text, strlen(text)); }

// False at end of file.
static bool forward(char type, int fd) {
  char bytes[kChunk];
  const ssize_t n = read(fd, bytes, sizeof bytes);
  if (n > 0) send_frame(type, bytes, (size_t)n);
  return n > 0 || (n < 0 && errno == EINTR);
}

static void close_pipe(int* fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static void become_command(char** argv, int in, int out, int err) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setpriority(PRIO_PROCESS, 0, 0);
  setsid();
  dup2(in, 0);
  dup2(out, 1);
  dup2(err, 2);
  chdir("/tmp");
  execvp(argv[0], argv);
  fprintf(stderr, "lab: cannot run %s: %s\n", argv[0], strerror(errno));
  _exit(127);
}

static void start(char* payload, size_t size, bool typed) {
  char* argv[kMaxArgs + 2];
  size_t count = 0;
  payload[size] = '\0';
  for (char* p = payload; p < payload + size && count <= kMaxArgs; p += strlen(p) + 1) argv[count++] = p;
  argv[count] = NULL;
  if (count < 2 || child != 0 || strcmp(job, argv[0]) == 0) return;
  snprintf(job, sizeof job, "%s", argv[0]);

  int in[2], out[2], err[2];
  if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0) return;
  child = fork();
  if (child == 0) become_command(argv + 1, in[0], out[1], err[1]);
  close(in[0]);
  close(out[1]);
  close(err[1]);
  child_in = in[1];
  fcntl(child_in, F_SETFL, O_NONBLOCK);  // who does not read what is typed must not stop us
  if (!typed) close_pipe(&child_in);
  child_out = out[0];
  child_err = err[0];
  send_text('S', job);
}

// A command is over when its first process is: whatever it left behind is killed, so that the next one starts fresh.
static void finish(int status) {
  child = 0;
  kill(-1, SIGKILL);
  while (forward('O', child_out)) {
  }
  while (forward('E', child_err)) {
  }
  close_pipe(&child_in);
  close_pipe(&child_out);
  close_pipe(&child_err);
  while (waitpid(-1, NULL, 0) > 0) {
  }
  char text[64];
  snprintf(text, sizeof text, "%s %d", job, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
  send_text('X', text);
}

static void reap(void) {
  struct signalfd_siginfo info;
  if (read(child_signals, &info, sizeof info) < 0) return;
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
    if (pid == child) finish(status);
}

static void handle(char type, char* payload, size_t size) {
  if (type == 'R' || type == 'T') start(payload, size, type == 'T');
  // What a command does not read is lost. Process 1 gets no SIGPIPE from one that has closed its stdin.
  if (type == 'I' && child_in >= 0 && write(child_in, payload, size) < 0) return;
  if (type == 'K' && child != 0) kill(-1, SIGKILL);
}

// Takes whole frames off the front of the input; a damaged one costs its first byte and a '?', and the scan goes on.
static void receive(void) {
  static char input[2 * kMaxPayload];
  static size_t size;
  const ssize_t n = read(control, input + size, sizeof input - size);
  if (n > 0) size += (size_t)n;
  for (;;) {
    const char* begin = memchr(input, '#', size);
    const size_t skip = begin ? (size_t)(begin - input) : size;
    memmove(input, input + skip, size -= skip);
    if (size < 6) return;
    const char digits[5] = {input[2], input[3], input[4], input[5], 0};
    char* end;
    const size_t length = strtoul(digits, &end, 16);
    bool good = *end == '\0' && length < kMaxPayload;
    if (good && size < length + kFrameOverhead) return;
    if (good) {
      const char expected[3] = {input[6 + length], input[7 + length], 0};
      good = strtoul(expected, NULL, 16) == sum(input + 6, length);
    }
    if (good)
      handle(input[1], input + 6, length);
    else
      send_text('?', "");
    const size_t used = good ? length + kFrameOverhead : 1;
    memmove(input, input + used, size -= used);
  }
}

static void answer_marks(void) {
  static char text[64];
  static size_t size;
  char bytes[256];
  const ssize_t n = read(line, bytes, sizeof bytes);
  for (ssize_t i = 0; i < n; ++i) {
    if (bytes[i] == '\1') size = 0;
    if (size < sizeof text) text[size++] = bytes[i];
    if (bytes[i] != '\n' || text[0] != '\1') continue;
    write_all(line, text, size);
    size = 0;
  }
}

int main(void) {
  sigset_t chld;
  sigemptyset(&chld);
  sigaddset(&chld, SIGCHLD);
  sigprocmask(SIG_BLOCK, &chld, NULL);
  child_signals = signalfd(-1, &chld, SFD_CLOEXEC);
  setpriority(PRIO_PROCESS, 0, -20);
  if (access("/sys/module/kvm_intel", F_OK) == 0) start_watchdog();
  setenv("PATH", "/bin:/sbin:/usr/bin", 1);
  setenv("HOME", "/tmp", 1);
  control = open_serial("/dev/ttyS2");
  line = open_serial("/dev/ttyS1");
  // The console's serial port shares its interrupt with ours: leave it to the kernel's polled output.
  const int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) dup2(null, fd);

  struct utsname name;
  uname(&name);
  char hello[256];
  snprintf(hello, sizeof hello, "Linux %s, %ld CPU(s), %s", name.release, sysconf(_SC_NPROCESSORS_ONLN),
           access("/dev/kvm", R_OK | W_OK) == 0 ? "/dev/kvm" : "no /dev/kvm");
  send_text('H', hello);

  for (;;) {
    struct pollfd fds[] = {{control, POLLIN, 0},
                           {child_signals, POLLIN, 0},
                           {child_out, POLLIN, 0},
                           {child_err, POLLIN, 0},
                           {child ? -1 : line, POLLIN, 0}};
    if (poll(fds, 5, -1) < 0) continue;
    if (fds[2].revents && !forward('O', child_out)) close_pipe(&child_out);
    if (fds[3].revents && !forward('E', child_err)) close_pipe(&child_err);
    if (fds[4].revents) answer_marks();
    if (fds[0].revents) receive();
    if (fds[1].revents) reap();
  }
}
