#include "vmm/console.hpp"

#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <optional>
#include <vector>

#include "vmm/asio.hpp"
#include "vmm/base/errors.hpp"
#include "vmm/console_ends.hpp"
#include "vmm/escape_keys.hpp"
#include "vmm/fd_waiter.hpp"
#include "vmm/terminal.hpp"

namespace vmm {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = ConsoleSpec::Kind;
using namespace std::chrono_literals;

constexpr auto kRetry = 250ms;  // for what Linux has no event: a pty is opened, we come to the foreground
constexpr auto kDrainPatience = 3s;
constexpr std::size_t kFlushTurn = 64 * 1024;  // then it is the turn of the other things on the I/O thread

constexpr const char* kHelp =
    "\ngdbvm console: Ctrl-A x ends the VM, Ctrl-A c shows this, Ctrl-A Ctrl-A sends Ctrl-A to the guest\n";

struct KindRow {
  Kind kind;
  std::string_view name;
  bool has_path;
};
constexpr std::array kKinds = {
    KindRow{Kind::kStdio, "stdio", false}, KindRow{Kind::kNone, "none", false}, KindRow{Kind::kFile, "file", true},
    KindRow{Kind::kUnix, "unix", true},    KindRow{Kind::kPty, "pty", false},
};

enum class Sent : std::uint8_t { kSome, kNotNow, kGone };

/// Some of `bytes`, which shrinks; never blocks (see own_output).
Sent send_some(int fd, std::string_view& bytes) {
  pollfd state{.fd = fd, .events = POLLOUT, .revents = 0};
  if (::poll(&state, 1, 0) <= 0) return Sent::kNotNow;
  if (state.revents & (POLLERR | POLLHUP | POLLNVAL)) return Sent::kGone;
  const auto count = ::write(fd, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
  if (count < 0) return errno == EAGAIN || errno == EINTR ? Sent::kNotNow : Sent::kGone;
  bytes.remove_prefix(static_cast<std::size_t>(count));
  return count > 0 ? Sent::kSome : Sent::kNotNow;
}

bool hung_up(int fd) {
  pollfd state{.fd = fd, .events = 0, .revents = 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & POLLHUP);
}

}  // namespace

ConsoleSpec parse_console(std::string_view text) {
  const auto colon = text.find(':');
  const auto name = text.substr(0, colon);
  const auto path = colon == text.npos ? std::string_view() : text.substr(colon + 1);
  const auto row = std::ranges::find(kKinds, name, &KindRow::name);
  if (row == kKinds.end() || row->has_path == path.empty() || (!row->has_path && colon != text.npos)) {
    throw HostError(fmt::format("'{}' is no console: say stdio, none, file:PATH, unix:PATH or pty", text));
  }
  return {.kind = row->kind, .path = std::string(path)};
}

/// Lives on the I/O thread, but for write(), ready() and resume(). What waits in Asio holds it weakly.
struct Console::Impl : std::enable_shared_from_this<Console::Impl> {
  Impl(boost::asio::io_context& context, const ConsoleSpec& console, const Options& chosen)
      : io(context), spec(console), options(chosen), timer(context), where(spec_text()) {}

  std::string spec_text() const;
  void open();
  void start(Callbacks given);

  void connect(int in, int out);
  void disconnect();
  void await_peer();

  void pump_input();
  void read_input();
  void end_of_input();
  void resume() { later(&Impl::pump_input); }

  void write(std::string_view bytes);
  void flush();
  Sent send_queued(std::size_t most);
  void drain();
  std::size_t queued() const { return queue.size() - sent; }
  void trim_to_recent();

  /// A call of this->member() that Asio may hold longer than we live.
  auto guarded(void (Impl::*member)()) {
    return [weak = weak_from_this(), member] {
      if (const auto self = weak.lock()) (self.get()->*member)();
    };
  }
  /// Calls this->member() soon, or after a while, on the I/O thread.
  void later(void (Impl::*member)()) { boost::asio::post(io, guarded(member)); }
  void retry(void (Impl::*member)()) {
    timer.expires_after(kRetry);
    timer.async_wait([call = guarded(member)](const boost::system::error_code& error) {
      if (!error) call();
    });
  }

  boost::asio::io_context& io;
  const ConsoleSpec spec;
  const Options options;
  Callbacks callbacks;
  boost::asio::steady_timer timer;
  std::string where;

  std::optional<UnixListener> listener;
  UniqueFd peer;  // the file, the socket's client, the pty's master, our stdout
  std::optional<RawTerminal> terminal;
  std::optional<EscapeKeys> keys;
  int input_fd = -1;
  bool reading = false;  // an input_waiter's wait is under way
  std::optional<FdWaiter> listen_waiter, input_waiter, output_waiter;

  std::mutex mutex;  // a leaf; guards what follows
  std::string queue;
  std::size_t sent = 0;    // of queue
  bool connected = false;  // somebody takes output
  bool closed = false;     // nobody ever will again
  bool flush_due = false;  // posted, or waiting for the peer
  bool drop_logged = false;
  std::atomic<bool> busy = false;
};

std::string Console::Impl::spec_text() const {
  const auto row = std::ranges::find(kKinds, spec.kind, &KindRow::kind);
  return row->has_path ? fmt::format("{}:{}", row->name, spec.path) : std::string(row->name);
}

void Console::Impl::open() {
  std::signal(SIGPIPE, SIG_IGN);
  switch (spec.kind) {
    case Kind::kNone: closed = true; break;
    case Kind::kFile:
      peer = open_output_file(spec.path);
      connect(-1, peer.get());
      break;
    case Kind::kUnix:
      listener.emplace(spec.path);
      listen_waiter.emplace(io, listener->fd(), EPOLLIN);
      break;
    case Kind::kPty: {
      auto terminal_pair = open_pseudo_terminal();
      peer = std::move(terminal_pair.master);
      where = "pty:" + terminal_pair.name;
      break;
    }
    case Kind::kStdio:
      // Under `stty tostop`, output from the background must not stop the VM.
      std::signal(SIGTTOU, SIG_IGN);
      peer = own_output(options.output_fd);
      closed = !peer;
      if (peer) connect(-1, peer.get());
      break;
  }
}

void Console::Impl::start(Callbacks given) {
  callbacks = std::move(given);
  if (spec.kind == Kind::kUnix || spec.kind == Kind::kPty) return await_peer();
  if (spec.kind != Kind::kStdio || options.output_only) return;
  pollfd input{.fd = options.input_fd, .events = 0, .revents = 0};
  if (::poll(&input, 1, 0) > 0 && (input.revents & POLLNVAL)) return;  // closed
  if (::isatty(options.input_fd)) {
    terminal.emplace(options.input_fd);
    keys.emplace(
        [this] {
          if (callbacks.on_quit) callbacks.on_quit();
        },
        [] { std::fputs(kHelp, stderr); });
  }
  input_fd = options.input_fd;
  input_waiter.emplace(io, input_fd, EPOLLIN);
  pump_input();
}

void Console::Impl::connect(int in, int out) {
  output_waiter.emplace(io, out, EPOLLOUT);
  input_fd = in;
  if (in >= 0) input_waiter.emplace(io, in, EPOLLIN);
  {
    const std::lock_guard guard(mutex);
    connected = true;
    trim_to_recent();
  }
  flush();
  pump_input();
}

void Console::Impl::disconnect() {
  output_waiter.reset();
  if (listener || spec.kind == Kind::kPty) input_waiter.reset();
  {
    const std::lock_guard guard(mutex);
    connected = false;
    flush_due = false;
    closed = spec.kind == Kind::kStdio || spec.kind == Kind::kFile;
    if (closed) {
      queue.clear();
      sent = 0;
    }
  }
  if (busy.exchange(false) && callbacks.on_ready) callbacks.on_ready();
  if (closed) return spdlog::debug("console: {}: nobody takes the output any more", where);
  input_fd = -1;
  reading = false;
  if (listener) peer = UniqueFd();
  if (spec.kind == Kind::kPty) make_raw(peer.get());
  await_peer();
}

/// For a client of the socket, or until somebody has the pty open. One at a time: the next client waits in the backlog.
void Console::Impl::await_peer() {
  if (spec.kind == Kind::kPty) {
    return hung_up(peer.get()) ? retry(&Impl::await_peer) : connect(peer.get(), peer.get());
  }
  listen_waiter->wait([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    try {
      self->peer = self->listener->accept();
      if (self->peer) return self->connect(self->peer.get(), self->peer.get());
    } catch (const HostError& error) {
      spdlog::warn("console: {}: {}", self->where, error.what());
    }
    self->retry(&Impl::await_peer);
  });
}

void Console::Impl::pump_input() {
  if (!input_waiter || reading) return;
  if (terminal && !terminal->own()) return retry(&Impl::pump_input);
  if (callbacks.accepting && !callbacks.accepting()) return;  // resume() comes back here
  reading = true;
  input_waiter->wait([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->read_input();
  });
}

void Console::Impl::read_input() {
  reading = false;
  pollfd state{.fd = input_fd, .events = POLLIN, .revents = 0};
  if (terminal && !terminal->own()) return pump_input();
  if (::poll(&state, 1, 0) <= 0) return pump_input();  // another reader of the same terminal was faster
  std::array<std::byte, kMaxInput> buffer;
  const auto count = ::read(input_fd, buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR || (terminal && !terminal->own()))) return pump_input();
  if (count <= 0) return end_of_input();
  const auto typed = std::span(buffer).first(static_cast<std::size_t>(count));
  const auto bytes = keys ? keys->filter(typed) : std::vector<std::byte>(typed.begin(), typed.end());
  if (!bytes.empty() && callbacks.on_input) callbacks.on_input(bytes);
  pump_input();
}

void Console::Impl::end_of_input() {
  if (spec.kind != Kind::kStdio) return disconnect();
  input_waiter.reset();
  input_fd = -1;
}

void Console::Impl::write(std::string_view bytes) {
  const std::lock_guard guard(mutex);
  if (closed) return;
  if (const auto room = kMaxQueued - std::min(kMaxQueued, queued()); bytes.size() > room) {
    if (!std::exchange(drop_logged, true)) spdlog::warn("console: {}: not read, output is dropped", where);
    bytes = bytes.substr(0, room);
  }
  queue += bytes;
  if (!connected) {
    if (queued() > 2 * kBusy) trim_to_recent();
    return;
  }
  if (queued() > kBusy) busy = true;
  if (!std::exchange(flush_due, true)) later(&Impl::flush);
}

void Console::Impl::trim_to_recent() {
  if (queued() > kBusy) sent = queue.size() - kBusy;
  queue.erase(0, sent);
  sent = 0;
}

/// Under the mutex: send_some() does not block.
Sent Console::Impl::send_queued(std::size_t most) {
  auto result = Sent::kSome;
  while (queued() > 0 && most > 0 && result == Sent::kSome) {
    auto rest = std::string_view(queue).substr(sent, most);
    const auto before = rest.size();
    result = send_some(peer.get(), rest);
    most -= before - rest.size();
    sent += before - rest.size();
  }
  if (sent == queue.size() || sent >= kFlushTurn) {
    queue.erase(0, sent);
    sent = 0;
  }
  return result;
}

void Console::Impl::flush() {
  auto result = Sent::kNotNow;
  bool was_busy = false;
  bool more = false;
  {
    const std::lock_guard guard(mutex);
    flush_due = false;
    if (!connected) return;
    result = send_queued(kFlushTurn);
    if (queued() < kBusy / 4) was_busy = busy.exchange(false);
    more = flush_due = queued() > 0 && result != Sent::kGone;
  }
  if (was_busy && callbacks.on_ready) callbacks.on_ready();
  if (result == Sent::kGone) return disconnect();
  if (!more) return;
  result == Sent::kNotNow ? output_waiter->wait(guarded(&Impl::flush)) : later(&Impl::flush);
}

void Console::Impl::drain() {
  const std::lock_guard guard(mutex);
  auto deadline = Clock::now() + kDrainPatience;
  while (connected && queued() > 0) {
    const auto result = send_queued(kFlushTurn);
    if (result == Sent::kSome) deadline = Clock::now() + kDrainPatience;
    if (result == Sent::kGone || Clock::now() >= deadline) break;
    if (result == Sent::kSome) continue;
    pollfd state{.fd = peer.get(), .events = POLLOUT, .revents = 0};
    ::poll(&state, 1, 100);
  }
  if (!connected) return;
  queue.clear();  // so that a second drain does not wait again
  sent = 0;
  busy = false;
}

Console::Console(boost::asio::io_context& io, const ConsoleSpec& spec, Options options)
    : impl_(std::make_shared<Impl>(io, spec, options)) {
  impl_->open();
}

Console::~Console() { impl_->drain(); }

void Console::start(Callbacks callbacks) { impl_->start(std::move(callbacks)); }
void Console::resume_input() { impl_->resume(); }
void Console::write(std::span<const std::byte> bytes) {
  impl_->write({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}
bool Console::ready() const { return !impl_->busy; }
void Console::drain() { impl_->drain(); }
const std::string& Console::where() const { return impl_->where; }

}  // namespace vmm
