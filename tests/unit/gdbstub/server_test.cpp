// The server in its own process, with plain blocking sockets as debuggers. The io_context runs in a thread; nothing
// depends on how long anything takes.
#include "gdbstub/server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include "gdbstub/asio.hpp"
#include "gdbstub/packet.hpp"
#include "tests/support/transcript.hpp"

using namespace gdb;
using namespace gdb::test;
using Event = Server::Event;

namespace {

class Running {
 public:
  explicit Running(const std::string& endpoint)
      : server_(std::in_place, io_, *Endpoint::parse(endpoint), target,
                Server::Options{[this](Event event) { note(event); }}) {
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Running() {
    io_.stop();
    thread_.join();
    server_.reset();
  }

  const std::string& where() const { return server_->where(); }
  // Waits until `count` events have come, and gives them all.
  std::vector<Event> events(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return events_.size() >= count; });
    return events_;
  }
  // Runs `act` on the I/O thread and waits for it.
  void on_io_thread(const std::function<void()>& act) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      act();
      done.set_value();
    });
    done.get_future().wait();
  }

  FakeTarget target;

 private:
  void note(Event event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
    changed_.notify_all();
  }

  boost::asio::io_context io_{1};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> events_;
  std::optional<Server> server_;
  std::thread thread_;
};

class Client {
 public:
  explicit Client(const std::string& where) : fd_(open(where)) { REQUIRE(fd_ >= 0); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int fd() const { return fd_; }

  void send(std::string_view bytes) { REQUIRE(::write(fd_, bytes.data(), bytes.size()) == std::ssize(bytes)); }
  // Blocks until as many bytes have come.
  std::string read(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t at = 0; at < size;) {
      const ssize_t count = ::read(fd_, bytes.data() + at, size - at);
      if (count <= 0) return bytes.substr(0, at);
      at += static_cast<std::size_t>(count);
    }
    return bytes;
  }
  std::string ask(std::string_view packet, std::string_view reply) {
    send(request(packet));
    return read(1 + frame(reply).size()) == "+" + frame(reply) ? "as expected" : "something else";
  }

 private:
  static int open(const std::string& where) {
    if (where.starts_with("pty:")) return ::open(where.substr(4).c_str(), O_RDWR | O_NOCTTY);
    if (where.starts_with("unix:")) {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::strncpy(address.sun_path, where.substr(5).c_str(), sizeof address.sun_path - 1);
      return connected(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    const std::uint16_t port = Endpoint::parse(where)->port;
    if (where.starts_with("tcp:[")) {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_addr = in6addr_loopback;
      address.sin6_port = htons(port);
      return connected(AF_INET6, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return connected(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  static int connected(int family, const sockaddr* address, socklen_t size) {
    const int fd = ::socket(family, SOCK_STREAM, 0);
    return ::connect(fd, address, size) == 0 ? fd : -1;
  }

  int fd_;
};

std::string socket_path() {
  return (std::filesystem::temp_directory_path() / fmt::format("gdbstub-test-{}.sock", ::getpid())).string();
}

}  // namespace

TEST_CASE("a debugger comes over TCP, detaches, and the next may come") {
  Running running("tcp:127.0.0.1:0");
  CHECK(running.where().starts_with("tcp:127.0.0.1:"));
  CHECK(!running.where().ends_with(":0"));
  for (int round = 0; round < 3; ++round) {
    Client client(running.where());
    CHECK(client.ask("m0,4", "00010203") == "as expected");
    CHECK(client.ask("D", "OK") == "as expected");
    CHECK(client.read(1).empty());  // closed by the server
  }
  CHECK(running.events(6) == std::vector{Event::kAttached, Event::kDetached, Event::kAttached, Event::kDetached,
                                         Event::kAttached, Event::kDetached});
}

TEST_CASE("a connection that is lost is told to the target") {
  Running running("tcp:[::1]:0");
  {
    Client client(running.where());
    CHECK(client.ask("m0,4", "00010203") == "as expected");
  }
  running.events(2);
  running.on_io_thread([&] { CHECK(running.target.calls == std::vector<std::string>{"attach", "disconnected"}); });
  CHECK(running.events(2).back() == Event::kLost);
}

TEST_CASE("a second debugger reads why it is refused, and the first is not disturbed") {
  Running running("tcp:127.0.0.1:0");
  Client first(running.where());
  CHECK(first.ask("m0,1", "00") == "as expected");
  Client second(running.where());
  CHECK(second.ask("qSupported", "E.another debugger is attached to this machine; detach it first") == "as expected");
  second.close();
  CHECK(first.ask("m1,1", "01") == "as expected");
  first.close();
  CHECK(running.events(3) == std::vector{Event::kAttached, Event::kRefused, Event::kLost});
  Client third(running.where());
  CHECK(third.ask("m1,1", "01") == "as expected");
}

TEST_CASE("Ctrl-C arrives while the guest runs") {
  Running running("tcp:127.0.0.1:0");
  running.on_io_thread([&] {
    for (const auto& row : x86::register_table()) running.target.unreadable.insert(row.reg);
  });
  Client client(running.where());
  client.send(request("c"));
  CHECK(client.read(1) == "+");
  client.send("\x03");
  const std::string reply = frame("T02thread:1;");
  CHECK(client.read(reply.size()) == reply);
}

TEST_CASE("a peer that asks much and reads nothing does not grow the server") {
  Running running("tcp:127.0.0.1:0");
  Client client(running.where());
  constexpr int kRequests = 200;  // with 25 MiB of replies: more than sockets hold
  std::thread asking([&] {
    std::string requests;
    for (int i = 0; i < kRequests; ++i) requests += request("m0,10000");
    for (std::string_view rest = requests; !rest.empty();)
      rest.remove_prefix(
          static_cast<std::size_t>(std::max<ssize_t>(::write(client.fd(), rest.data(), rest.size()), 0)));
  });
  std::size_t size = 0;
  std::string sample;
  const std::string one = "+" + [&] {
    std::string text;
    for (std::size_t i = 0; i < 0x10000; ++i) text += fmt::format("{:02x}", i & 0xff);
    return frame(text);
  }();
  while (size < kRequests * one.size()) {
    sample = client.read(std::min<std::size_t>(one.size(), kRequests * one.size() - size));
    REQUIRE(sample == one);
    size += sample.size();
  }
  asking.join();
}

TEST_CASE("a Unix socket is private, replaces a stale file, and goes with its server") {
  const std::string path = socket_path();
  {
    Running running("unix:" + path);
    CHECK(running.where() == "unix:" + path);
    struct stat status{};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    Client client(running.where());
    CHECK(client.ask("m0,4", "00010203") == "as expected");
    boost::asio::io_context io;
    FakeTarget other;
    CHECK_THROWS_WITH(Server(io, *Endpoint::parse("unix:" + path), other), Catch::Contains(path));
    CHECK(std::filesystem::exists(path));
  }
  CHECK(!std::filesystem::exists(path));

  const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  REQUIRE(::bind(stale, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(stale);
  {
    Running running("unix:" + path);
    Client client(running.where());
    CHECK(client.ask("m0,4", "00010203") == "as expected");
  }
  CHECK(!std::filesystem::exists(path));

  std::ofstream(path) << "precious";
  boost::asio::io_context io;
  FakeTarget other;
  CHECK_THROWS_WITH(Server(io, *Endpoint::parse("unix:" + path), other), Catch::Contains("choose another path"));
  CHECK(std::filesystem::file_size(path) == 8);
  std::filesystem::remove(path);
}

TEST_CASE("an address in use is told with what to do") {
  Running running("tcp:127.0.0.1:0");
  boost::asio::io_context io;
  FakeTarget other;
  CHECK_THROWS_WITH(Server(io, *Endpoint::parse(running.where()), other),
                    Catch::Contains(running.where()) && Catch::Contains("choose another port"));
  CHECK_THROWS_WITH(Server(io, *Endpoint::parse("tty:/dev/null"), other), Catch::Contains("/dev/null"));
  CHECK_THROWS_WITH(Server(io, *Endpoint::parse("tty:/no/such"), other), Catch::Contains("/no/such"));
  CHECK(Server(io, Endpoint{}, other).where() == "none");
}

TEST_CASE("a pseudo-terminal carries one conversation after another, and notices a hang-up") {
  Running running("pty");
  CHECK(running.where().starts_with("pty:/dev/pts/"));
  Client first(running.where());
  CHECK(first.ask("m0,4", "00010203") == "as expected");
  CHECK(first.ask("D", "OK") == "as expected");
  first.send("+");
  CHECK(first.ask("m0,4", "00010203") == "as expected");
  running.events(3);
  first.close();
  CHECK(running.events(4).back() == Event::kLost);
  Client second(running.where());
  CHECK(second.ask("m0,4", "00010203") == "as expected");
  CHECK(second.ask("D", "OK") == "as expected");
}

TEST_CASE("a server that goes leaves its target alone") {
  FakeTarget target;
  boost::asio::io_context io;
  std::optional<Server> server(std::in_place, io, *Endpoint::parse("tcp:127.0.0.1:0"), target);
  Client client(server->where());
  client.send(request("m0,1"));
  while (!server->attached()) io.run_one();
  while (target.calls.empty()) io.run_one();
  server.reset();
  io.run();
  CHECK(target.calls == std::vector<std::string>{"attach"});
}

TEST_CASE("what the target throws leaves the loop, for the program to tell") {
  struct Broken final : FakeTarget {
    void disconnected() override { throw std::runtime_error("the host is full"); }
  } target;
  boost::asio::io_context io{1};
  const Server server(io, *Endpoint::parse("tcp:127.0.0.1:0"), target);
  Client(server.where()).close();
  REQUIRE_THROWS_WITH(io.run(), "the host is full");
}
