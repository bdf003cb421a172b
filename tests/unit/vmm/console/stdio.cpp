#include <thread>

#include "console_test.hpp"
#include "vmm/base/errors.hpp"

using namespace vmm;
using Kind = ConsoleSpec::Kind;

namespace {

struct Stdio {
  Pipe input, output;
  boost::asio::io_context io;
  Console console{io, {.kind = Kind::kStdio}, {.input_fd = input.out.get(), .output_fd = output.in.get()}};
  Receiver receiver;
  std::string printed;

  bool has_printed(std::size_t size) {
    read_available(output.out.get(), printed);
    return printed.size() >= size;
  }
};

}  // namespace

TEST_CASE("console: the command line's text", "[console]") {
  CHECK(parse_console("stdio") == ConsoleSpec{Kind::kStdio});
  CHECK(parse_console("none") == ConsoleSpec{Kind::kNone});
  CHECK(parse_console("pty") == ConsoleSpec{Kind::kPty});
  CHECK(parse_console("file:a:b") == ConsoleSpec{Kind::kFile, "a:b"});
  CHECK(parse_console("unix:/tmp/x") == ConsoleSpec{Kind::kUnix, "/tmp/x"});
  for (const auto* text : {"", "stdio:", "stdio:x", "file", "file:", "unix:", "tcp:1", "Stdio", ":x"}) {
    INFO(text);
    CHECK_THROWS_AS(parse_console(text), HostError);
  }
  CHECK_THROWS_WITH(parse_console("tcp:1"), Catch::Contains("tcp:1") && Catch::Contains("file:PATH"));
}

TEST_CASE("console: stdio by pipes, both ways; the shared descriptors stay blocking", "[console]") {
  Stdio host;
  host.console.start(host.receiver.callbacks());
  put(host.input.in.get(), "typed \x01x too");  // no terminal: Ctrl-A is a byte like any other
  print(host.console, "printed");
  run_until(host.io, [&] { return host.has_printed(7) && host.receiver.typed.size() >= 12; });
  CHECK(host.printed == "printed");
  CHECK(host.receiver.typed == "typed \x01x too");
  CHECK(host.receiver.quits == 0);
  for (const int fd : {host.input.out.get(), host.output.in.get()}) CHECK_FALSE(::fcntl(fd, F_GETFL) & O_NONBLOCK);
  CHECK(host.console.where() == "stdio");

  host.input.in = UniqueFd();  // the end of input ends nothing else
  print(host.console, "more");
  run_until(host.io, [&] { return host.has_printed(11); });
  CHECK(host.printed == "printedmore");
}

TEST_CASE("console: a slow reader makes the line busy and loses nothing", "[console]") {
  Stdio host;
  host.console.start(host.receiver.callbacks());
  const auto text = long_text(1'000'000);
  CHECK(host.console.ready());
  print(host.console, text);
  CHECK_FALSE(host.console.ready());
  host.io.poll();
  CHECK_FALSE(host.console.ready());
  CHECK(host.receiver.ready_calls == 0);
  run_until(host.io, [&] { return host.has_printed(text.size()); });
  run_until(host.io, [&] { return host.console.ready(); });
  CHECK(host.printed == text);
  CHECK(host.receiver.ready_calls == 1);
}

TEST_CASE("console: drain writes what waits without the I/O thread", "[console]") {
  Stdio host;
  const auto text = long_text(Console::kMaxQueued);
  print(host.console, text);
  print(host.console, "beyond the bound");
  std::thread reader([&] {
    std::array<char, 65536> buffer;
    while (const auto count = ::read(host.output.out.get(), buffer.data(), buffer.size())) {
      if (count < 0) break;
      host.printed.append(buffer.data(), static_cast<std::size_t>(count));
      if (host.printed.size() >= text.size()) break;
    }
  });
  host.console.drain();
  reader.join();
  CHECK(host.printed == text);
  CHECK_FALSE(readable(host.output.out.get()));
}

TEST_CASE("console: output from several threads arrives whole", "[console]") {
  Stdio host;
  host.console.start(host.receiver.callbacks());
  const auto writer = [&](char letter) {
    for (int i = 0; i < 1000; ++i) print(host.console, std::string(10, letter));
  };
  std::thread one(writer, 'a'), two(writer, 'b');
  run_until(host.io, [&] { return host.has_printed(20'000); });
  one.join();
  two.join();
  CHECK(std::count(host.printed.begin(), host.printed.end(), 'a') == 10'000);
  for (std::size_t i = 0; i < host.printed.size(); i += 10) {
    REQUIRE(host.printed.substr(i, 10) == std::string(10, host.printed[i]));
  }
}

TEST_CASE("console: a reader that goes away is not fatal, nor does it make the line busy", "[console]") {
  Stdio host;
  host.console.start(host.receiver.callbacks());
  print(host.console, long_text(200'000));
  CHECK_FALSE(host.console.ready());
  host.io.poll();
  host.output.out = UniqueFd();
  run_until(host.io, [&] { return host.console.ready(); });
  CHECK(host.receiver.ready_calls == 1);
  print(host.console, long_text(200'000));
  CHECK(host.console.ready());
  put(host.input.in.get(), "still");
  run_until(host.io, [&] { return host.receiver.typed == "still"; });
}

TEST_CASE("console: input waits while the receiver does not accept", "[console]") {
  Stdio host;
  host.receiver.accepting = false;
  host.console.start(host.receiver.callbacks());
  const auto text = long_text(5000);
  put(host.input.in.get(), text);
  host.io.poll();
  CHECK(host.receiver.typed.empty());
  host.receiver.accepting = true;
  host.console.resume_input();
  run_until(host.io, [&] { return host.receiver.typed.size() >= text.size(); });
  CHECK(host.receiver.typed == text);
}

TEST_CASE("console: stdin that is /dev/null, a file, closed, or not ours to read", "[console]") {
  boost::asio::io_context io;
  Pipe output;
  Receiver receiver;
  SECTION("/dev/null") {
    const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    Console console(io, {.kind = Kind::kStdio}, {.input_fd = null.get(), .output_fd = output.in.get()});
    console.start(receiver.callbacks());
    io.poll();
    CHECK(receiver.typed.empty());
  }
  SECTION("a file is read to its end") {
    char name[] = "/tmp/gdbvm-console-XXXXXX";
    const UniqueFd file(::mkostemp(name, O_CLOEXEC));
    ::unlink(name);
    const auto text = long_text(10'000);
    put(file.get(), text);
    ::lseek(file.get(), 0, SEEK_SET);
    Console console(io, {.kind = Kind::kStdio}, {.input_fd = file.get(), .output_fd = output.in.get()});
    console.start(receiver.callbacks());
    run_until(io, [&] { return receiver.typed.size() >= text.size(); });
    CHECK(receiver.typed == text);
  }
  SECTION("closed, both") {
    Console console(io, {.kind = Kind::kStdio}, {.input_fd = 1'000'000, .output_fd = 1'000'000});
    console.start(receiver.callbacks());
    print(console, "nobody");
    io.poll();
    CHECK(console.ready());
  }
  SECTION("output only") {
    Pipe input;
    Console console(io, {.kind = Kind::kStdio},
                    {.output_only = true, .input_fd = input.out.get(), .output_fd = output.in.get()});
    console.start(receiver.callbacks());
    put(input.in.get(), "for gdb");
    print(console, "x");
    std::string printed;
    run_until(io, [&] { return read_available(output.out.get(), printed) && !printed.empty(); });
    CHECK(receiver.typed.empty());
    CHECK(readable(input.out.get()));
  }
}

TEST_CASE("console: destroyed with work under way", "[console]") {
  boost::asio::io_context io;
  Pipe input, output;
  {
    Console console(io, {.kind = Kind::kStdio}, {.input_fd = input.out.get(), .output_fd = output.in.get()});
    console.start({});
    put(input.in.get(), "x");
    print(console, "drained");
    console.resume_input();
  }
  io.run();  // nothing is left to do, and nothing touches what is gone
  std::string printed;
  read_available(output.out.get(), printed);
  CHECK(printed == "drained");
}

TEST_CASE("console: on a terminal, raw mode and Ctrl-A", "[console]") {
  boost::asio::io_context io;
  PtyPair pty;
  Receiver receiver;
  {
    Console console(io, {.kind = Kind::kStdio}, {.input_fd = pty.slave.get(), .output_fd = pty.slave.get()});
    CHECK(pty.is_cooked());
    console.start(receiver.callbacks());
    CHECK(pty.is_raw());
    put(pty.master.get(), "a\r\x03\x01\x01z\x01x");
    run_until(io, [&] { return receiver.quits > 0; });
    CHECK(receiver.typed == "a\r\x03\x01z");
    CHECK(receiver.quits == 1);

    print(console, "line\n");
    std::string shown;
    run_until(io, [&] { return read_available(pty.master.get(), shown) && shown.size() >= 6; });
    CHECK(shown == "line\r\n");
    CHECK_FALSE(::fcntl(pty.slave.get(), F_GETFL) & O_NONBLOCK);
  }
  CHECK(pty.is_cooked());
}
