/*
 * The raw client of both sides: packets out, their replies in, as fast as a debugger could, for at some 20 µs a packet
 * a slower one would measure itself. A shared library; see client.py.
 */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { kBuffer = 1 << 20, kLimit = 60000 /* milliseconds for a packet; only guards against hangs */ };

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Before recv(), which a server that reads what we sent would wake, too. */
static int await(int socket, short what) {
  struct pollfd row = {.fd = socket, .events = what};
  const int ready = poll(&row, 1, kLimit);
  if (ready == 0) errno = ETIMEDOUT;
  return ready == 1 ? 0 : -1;
}

static int send_all(int socket, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(socket, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN && await(socket, POLLOUT) == 0) continue;
    if (sent < 0) return -1;
    bytes += sent;
    size -= (size_t)sent;
  }
  return 0;
}

/* One reply, `$` to the checksum, at the front of `buffer`; `*held` bytes are in it, perhaps some of the next one. Its
 * size, or 0 with errno. A `#` in the payload would be escaped (GDB manual, "Overview" of the remote protocol). */
static size_t receive(int socket, char* buffer, size_t* held) {
  for (size_t looked = 0;;) {
    const char* mark = memchr(buffer + looked, '#', *held - looked);
    if (mark != NULL && (size_t)(mark - buffer) + 3 <= *held) return (size_t)(mark - buffer) + 3;
    looked = mark != NULL ? (size_t)(mark - buffer) : *held;
    if (*held == kBuffer) return errno = EMSGSIZE, 0;
    if (await(socket, POLLIN) != 0) return 0;
    const ssize_t got = recv(socket, buffer + *held, kBuffer - *held, 0);
    if (got == 0) errno = ECONNRESET;
    if (got <= 0) return 0;
    *held += (size_t)got;
  }
}

/*
 * Sends `count` packets, framed already, one behind the other in `packets`, `rounds` times; behind each it waits for
 * one reply. What the server prints meanwhile (`O` and hexadecimal digits) is dropped. Every reply must begin with
 * `wanted`. Returns seconds; -1 with errno when the connection fails, -2 when a reply is another, which is in `other`
 * then. `received`: bytes in all.
 */
double rsp_exchange(int socket, const char* packets, const size_t* sizes, size_t count, size_t rounds, int acks,
                    const char* wanted, size_t* received, char* other, size_t room) {
  static char buffer[kBuffer];
  size_t held = 0;
  *received = 0;
  const double begin = now();
  for (size_t round = 0; round < rounds; round++) {
    const char* packet = packets;
    for (size_t i = 0; i < count; packet += sizes[i++]) {
      if (send_all(socket, packet, sizes[i]) != 0) return -1;
      for (;;) {
        const size_t size = receive(socket, buffer, &held);
        if (size == 0) return -1;
        const char* payload = memchr(buffer, '$', size);
        if (payload == NULL) return errno = EPROTO, -1;
        payload++;
        const int console = payload[0] == 'O' && payload[1] != 'K';
        const int suits = strncmp(payload, wanted, strlen(wanted)) == 0;
        if (!console && !suits) {
          const size_t kept = size < room ? size : room - 1;
          memcpy(other, buffer, kept);
          other[kept] = 0;
          return -2;
        }
        *received += size;
        held -= size;
        memmove(buffer, buffer + size, held);
        if (acks && send_all(socket, "+", 1) != 0) return -1;
        if (!console) break;
      }
    }
  }
  return now() - begin;
}
