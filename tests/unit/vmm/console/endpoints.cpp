#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "console_test.hpp"
#include "vmm/base/errors.hpp"

using namespace vmm;
using Kind = ConsoleSpec::Kind;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/gdbvm-console-XXXXXX";
    REQUIRE(::mkdtemp(name));
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

UniqueFd client_of(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path, address.sun_path);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return fd;
}

}  // namespace

TEST_CASE("console: a file gets the output, from its start", "[console]") {
  const Folder folder;
  const auto path = folder.path + "/log";
  std::ofstream(path) << "an old log, which goes";
  boost::asio::io_context io;
  {
    Console console(io, {.kind = Kind::kFile, .path = path});
    console.start({});
    CHECK(console.where() == "file:" + path);
    print(console, "new\n");
  }
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  CHECK(text.str() == "new\n");
  CHECK_THROWS_WITH(Console(io, {.kind = Kind::kFile, .path = folder.path + "/no/where"}),
                    Catch::Contains("file:" + folder.path));
}

TEST_CASE("console: a disk that is full is not fatal", "[console]") {
  boost::asio::io_context io;
  Console console(io, {.kind = Kind::kFile, .path = "/dev/full"});
  console.start({});
  print(console, long_text(100'000));
  run_until(io, [&] { return console.ready(); });
}

TEST_CASE("console: none takes everything", "[console]") {
  boost::asio::io_context io;
  Console console(io, {.kind = Kind::kNone});
  console.start({});
  print(console, long_text(1'000'000));
  CHECK(console.ready());
  console.drain();
  CHECK(io.poll() == 0);
}

TEST_CASE("console: a Unix socket: what was printed before is there, clients come one after the other", "[console]") {
  const Folder folder;
  const auto path = folder.path + "/serial";
  boost::asio::io_context io;
  Receiver receiver;
  {
    Console console(io, {.kind = Kind::kUnix, .path = path});
    console.start(receiver.callbacks());
    CHECK(console.where() == "unix:" + path);
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);

    const auto text = long_text(300'000);
    print(console, text);
    CHECK(console.ready());  // nobody listens: the guest does not wait
    console.drain();         // nor do we

    auto first = client_of(path);
    REQUIRE(first);
    const auto second = client_of(path);  // waits
    REQUIRE(second);
    std::string seen;
    run_until(io, [&] { return read_available(first.get(), seen) && seen.size() >= Console::kBusy; });
    CHECK(seen == text.substr(text.size() - Console::kBusy));

    put(first.get(), "typed");
    run_until(io, [&] { return receiver.typed == "typed"; });
    CHECK_FALSE(readable(second.get()));
    first = UniqueFd();
    print(console, "again");
    std::string seen_later;
    run_until(io, [&] { return read_available(second.get(), seen_later) && !seen_later.empty(); });
    put(second.get(), ", too");
    run_until(io, [&] { return receiver.typed == "typed, too"; });
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("console: a client that goes while the line is busy frees it", "[console]") {
  const Folder folder;
  const auto path = folder.path + "/serial";
  boost::asio::io_context io;
  Receiver receiver;
  Console console(io, {.kind = Kind::kUnix, .path = path});
  console.start(receiver.callbacks());
  auto client = client_of(path);
  print(console, "hello");
  std::string seen;
  run_until(io, [&] { return read_available(client.get(), seen) && !seen.empty(); });
  print(console, long_text(4'000'000));
  CHECK_FALSE(console.ready());
  io.poll();
  client = UniqueFd();
  run_until(io, [&] { return console.ready(); });
  CHECK(receiver.ready_calls == 1);
}

TEST_CASE("console: a socket path that is in use, stale, no socket, or too long", "[console]") {
  const Folder folder;
  const auto path = folder.path + "/serial";
  boost::asio::io_context io;
  {
    const Console console(io, {.kind = Kind::kUnix, .path = path});
    CHECK_THROWS_WITH(Console(io, {.kind = Kind::kUnix, .path = path}), Catch::Contains("in use"));
  }
  {
    const UniqueFd stale(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(path, address.sun_path);
    REQUIRE(::bind(stale.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  {
    const Console console(io, {.kind = Kind::kUnix, .path = path});
  }
  std::ofstream(path) << "precious";
  CHECK_THROWS_AS(Console(io, {.kind = Kind::kUnix, .path = path}), HostError);
  CHECK(std::filesystem::file_size(path) == 8);
  CHECK_THROWS_WITH(Console(io, {.kind = Kind::kUnix, .path = std::string(200, 'x')}), Catch::Contains("107"));
}

TEST_CASE("console: a pty can be opened, closed and opened again", "[console]") {
  boost::asio::io_context io;
  Receiver receiver;
  Console console(io, {.kind = Kind::kPty});
  console.start(receiver.callbacks());
  REQUIRE(console.where().starts_with("pty:/dev/"));
  const auto name = console.where().substr(4);
  print(console, long_text(300'000));
  CHECK(console.ready());

  for (int round = 0; round < 2; ++round) {
    const UniqueFd user(::open(name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(user);
    print(console, "login:\n");
    std::string seen;
    run_until(io, [&] { return read_available(user.get(), seen) && seen.ends_with("login:\n"); });  // no "\r\n": raw
    receiver.typed.clear();
    put(user.get(), "root\r\x01x");
    run_until(io, [&] { return receiver.typed == "root\r\x01x"; });
    CHECK_FALSE(readable(user.get()));  // no echo
  }
  CHECK(receiver.quits == 0);
}
