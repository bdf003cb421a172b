#include "gdbstub/server.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <csignal>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>

#include "gdbstub/asio.hpp"
#include "gdbstub/listen.hpp"
#include "gdbstub/packet.hpp"
#include "gdbstub/session.hpp"

namespace gdb {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Stream = asio::posix::stream_descriptor;

constexpr std::string_view kBusy = "E.another debugger is attached to this machine; detach it first";
constexpr auto kFarewell = std::chrono::seconds(2);  // how long a peer may take to close its end
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr int kMostRefusals = 8;  // at a time
constexpr std::size_t kReadSize = 64 * 1024;
constexpr std::size_t kSlowReader = 1024 * 1024;       // unsent bytes at which we read no further
constexpr std::size_t kDeadReader = 16 * 1024 * 1024;  // unsent bytes at which we give up on the peer

/// A stream of bytes to and from a peer, with the queue of what is to be sent.
class Wire : public std::enable_shared_from_this<Wire> {
 public:
  explicit Wire(asio::io_context& io, Fd both) : in_(io, both.release()), sent_(io) {}
  Wire(asio::io_context& io, Fd in, Fd out)
      : in_(io, in.release()), out_(std::in_place, io, out.release()), sent_(io) {}

  /// Begins to write at once: when the queue was empty, the kernel has the bytes on return as far as it takes them,
  /// so that a reply to `vKill` arrives even when the program ends right behind it.
  void send(std::string bytes) {
    if (!in_.is_open()) return;
    unsent_ += bytes.size();
    queue_.push_back(std::move(bytes));
    if (unsent_ > kDeadReader) return close();
    if (queue_.size() == 1) write_next();
  }

  /// 0 when the peer is gone.
  asio::awaitable<std::size_t> read(std::span<char> into) {
    error_code error;
    const std::size_t count = co_await in_.async_read_some(asio::buffer(into.data(), into.size()),
                                                           asio::redirect_error(asio::use_awaitable, error));
    co_return error ? 0 : count;
  }

  /// Waits until no more than `limit` bytes are unsent, or the wire is closed.
  asio::awaitable<void> sent_but(std::size_t limit) {
    while (unsent_ > limit && in_.is_open()) {
      error_code ignored;
      sent_.expires_at(asio::steady_timer::time_point::max());
      co_await sent_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }

  /// Sends what is queued, tells the peer that there is no more, and waits a moment for it to close its end: closing
  /// with bytes unread would reset the connection, and the peer might lose the last reply.
  asio::awaitable<void> farewell() {
    asio::steady_timer limit(in_.get_executor(), kFarewell);
    limit.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->close();
    });
    co_await sent_but(0);
    if (in_.is_open()) ::shutdown(in_.native_handle(), SHUT_WR);
    std::array<char, 256> ignored{};
    while (in_.is_open() && co_await read(ignored) != 0) {
    }
    close();
  }

  void close() {
    error_code ignored;
    in_.close(ignored);
    if (out_) out_->close(ignored);
    sent_.cancel();
  }

 private:
  void write_next() {
    Stream& out = out_ ? *out_ : in_;
    asio::async_write(out, asio::buffer(queue_.front()), [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->close();
      self->unsent_ -= self->queue_.front().size();
      self->queue_.pop_front();
      self->sent_.cancel();
      if (!self->queue_.empty()) self->write_next();
    });
  }

  Stream in_;
  std::optional<Stream> out_;  // only where it is not the same as in_
  asio::steady_timer sent_;    // cancelled when something was sent: Asio's condition variable
  std::deque<std::string> queue_;
  std::size_t unsent_ = 0;
};

void tune_socket(int fd) {
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
}

Fd duplicate(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) throw std::runtime_error("gdb server: standard input or output is closed");
  return Fd(copy);
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(asio::io_context& context, Target& debuggee, Options chosen)
      : io(context), target(debuggee), options(std::move(chosen)), listener(context), pause(context) {}

  void open(const Endpoint& endpoint);
  void close();
  void tell(Event event) const {
    if (!closed && options.on_event) options.on_event(event);
  }

  asio::awaitable<void> accept_debuggers();
  asio::awaitable<void> serve_connection(std::shared_ptr<Wire> peer);
  asio::awaitable<void> refuse(std::shared_ptr<Wire> peer);
  asio::awaitable<void> serve_line(std::shared_ptr<Wire> peer);
  asio::awaitable<bool> converse(std::shared_ptr<Wire> peer, Session::Line line, std::string& bytes);
  asio::awaitable<void> feed(Session& session, Wire& peer, std::string_view& bytes);

  template <class Work>
  void start(Work work) {
    // What a Target throws is not the peer's fault: it leaves io_context::run().
    asio::co_spawn(io, std::move(work), [](const std::exception_ptr& thrown) {
      if (thrown) std::rethrow_exception(thrown);
    });
  }

  asio::io_context& io;
  Target& target;
  Options options;
  std::string where;
  bool attached = false;
  bool closed = false;
  int refusals = 0;
  Stream listener;
  asio::steady_timer pause;
  std::optional<UnixListener> unix_listener;
  std::shared_ptr<Wire> wire;                     // of the debugger that is attached, or of the line
  std::optional<std::array<int, 2>> stdio_flags;  // Asio makes them non-blocking, also for whoever shares them
  std::string pty_name;
  Fd pty_hold;  // our own open end of the pty, while nobody else is known to have it open
};

void Server::Impl::open(const Endpoint& endpoint) {
  using Kind = Endpoint::Kind;
  where = endpoint.text();
  switch (endpoint.kind) {
    case Kind::kNone: return;
    case Kind::kTcp: {
      auto [fd, chosen] = listen_tcp(endpoint);
      listener.assign(fd.release());
      where = chosen.text();
      break;
    }
    case Kind::kUnix:
      unix_listener.emplace(endpoint.address);
      listener.assign(unix_listener->fd.release());
      break;
    case Kind::kStdio:
      stdio_flags = {::fcntl(STDIN_FILENO, F_GETFL), ::fcntl(STDOUT_FILENO, F_GETFL)};
      wire = std::make_shared<Wire>(io, duplicate(STDIN_FILENO), duplicate(STDOUT_FILENO));
      break;
    case Kind::kTty: wire = std::make_shared<Wire>(io, open_tty(endpoint.address)); break;
    case Kind::kPty: {
      auto [master, name] = open_pty();
      pty_hold = open_pty_slave(name);
      wire = std::make_shared<Wire>(io, std::move(master));
      pty_name = name;
      where = "pty:" + name;
      break;
    }
  }
  auto self = shared_from_this();
  if (wire) {
    start(serve_line(wire));
  } else {
    start(accept_debuggers());
  }
}

void Server::Impl::close() {
  closed = true;
  error_code ignored;
  listener.close(ignored);
  pause.cancel();
  unix_listener.reset();
  if (wire) wire->close();
  for (int fd = 0; stdio_flags && fd < 2; ++fd) ::fcntl(fd, F_SETFL, (*stdio_flags)[static_cast<std::size_t>(fd)]);
}

asio::awaitable<void> Server::Impl::accept_debuggers() {
  const auto self = shared_from_this();
  for (;;) {
    error_code error;
    co_await listener.async_wait(Stream::wait_read, asio::redirect_error(asio::use_awaitable, error));
    if (closed) co_return;
    Fd fd(::accept4(listener.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.get() < 0) {
      // Out of descriptors, say: they come back, and until then the connection stays readable.
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    tune_socket(fd.get());
    auto peer = std::make_shared<Wire>(io, std::move(fd));
    if (!attached) {
      attached = true;
      start(serve_connection(std::move(peer)));
    } else if (refusals < kMostRefusals) {
      start(refuse(std::move(peer)));
    }
  }
}

asio::awaitable<void> Server::Impl::serve_connection(std::shared_ptr<Wire> peer) {
  const auto self = shared_from_this();
  wire = peer;
  std::string bytes;
  const bool alive = co_await converse(peer, Session::Line::kConnection, bytes);
  if (wire == peer) wire.reset();
  if (alive) co_await peer->farewell();
  peer->close();
}

// Answered, so that its user reads why: to the first packet, as a reply is expected then.
asio::awaitable<void> Server::Impl::refuse(std::shared_ptr<Wire> peer) {
  const auto self = shared_from_this();
  ++refusals;
  tell(Event::kRefused);
  asio::steady_timer limit(io, kFarewell);
  limit.async_wait([peer](error_code error) {
    if (!error) peer->close();
  });
  PacketParser parser;
  std::array<char, 1024> buffer{};
  bool asked = false;
  while (!asked) {
    const std::size_t count = co_await peer->read(buffer);
    if (count == 0) break;
    std::string_view bytes(buffer.data(), count);
    while (const auto event = parser.next(bytes)) asked |= event->kind == PacketEvent::Kind::kPacket;
  }
  if (asked) {
    peer->send("+" + frame(kBusy));
    co_await peer->farewell();
  }
  peer->close();
  --refusals;
}

// A line has no connections: a conversation begins with the first packet's `$`.
asio::awaitable<void> Server::Impl::serve_line(std::shared_ptr<Wire> peer) {
  const auto self = shared_from_this();
  std::array<char, 1024> buffer{};
  std::string bytes;
  for (;;) {
    bytes.erase(0, bytes.find('$'));
    if (bytes.empty()) {
      const std::size_t count = co_await peer->read(buffer);
      if (count == 0 || closed) co_return;
      bytes.assign(buffer.data(), count);
      continue;
    }
    pty_hold = Fd();
    const bool alive = co_await converse(peer, Session::Line::kSerial, bytes);
    if (closed) co_return;
    if (!pty_name.empty()) {
      pty_hold = open_pty_slave(pty_name);
    } else if (!alive) {
      co_return;
    }
  }
}

// One conversation, from `bytes` on; what is left behind its end is in `bytes` then. False when the peer was lost.
asio::awaitable<bool> Server::Impl::converse(std::shared_ptr<Wire> peer, Session::Line line, std::string& bytes) {
  attached = true;
  tell(Event::kAttached);
  Session session(target, [peer](std::string reply) { peer->send(std::move(reply)); }, line);
  std::string buffer(kReadSize, '\0');
  std::string_view rest = bytes;
  bool alive = true;
  for (;;) {
    co_await feed(session, *peer, rest);
    if (closed) co_return false;
    if (session.ended()) break;
    const std::size_t count = co_await peer->read(buffer);
    if (closed) co_return false;
    if (count == 0) {
      alive = false;
      session.hang_up();
      break;
    }
    rest = std::string_view(buffer).substr(0, count);
  }
  bytes = std::string(rest);
  attached = false;
  tell(alive ? Event::kDetached : Event::kLost);
  co_return alive;
}

// In pieces that complete one packet at most, and none while the peer does not read: its requests must not grow our
// queue beyond one reply.
asio::awaitable<void> Server::Impl::feed(Session& session, Wire& peer, std::string_view& bytes) {
  while (!bytes.empty() && !session.ended() && !closed) {
    const std::size_t hash = bytes.find('#');
    const std::size_t size = hash == std::string_view::npos ? bytes.size() : hash + 1;
    session.receive(bytes.substr(0, size));
    bytes.remove_prefix(size);
    co_await peer.sent_but(kSlowReader);
  }
}

Server::Server(asio::io_context& io, const Endpoint& endpoint, Target& target, Options options)
    : impl_(std::make_shared<Impl>(io, target, std::move(options))) {
  std::signal(SIGPIPE, SIG_IGN);
  impl_->open(endpoint);
}

Server::~Server() { impl_->close(); }

const std::string& Server::where() const { return impl_->where; }

bool Server::attached() const { return impl_->attached; }

}  // namespace gdb
