// Documents that are read in parts, and `core:` of stop replies.
#include <catch2/catch.hpp>

#include "tests/support/transcript.hpp"

using namespace gdb;
using namespace gdb::test;

namespace {

Play with_two_threads() {
  Play around;
  around.prepare = [](FakeTarget& target) {
    for (const auto& row : x86::register_table()) target.unreadable.insert(row.reg);
    target.has_breakpoints = false;
    target.names = {{1, "CPU 0"}, {2, "<\"&'>\x07\xff"}};
    target.processors = {{2, 17}};
  };
  around.actions["rename"] = [](FakeTarget& target) { target.about_threads = "changed"; };
  around.actions["stop 2"] = [](FakeTarget& target) {
    target.stop(StopEvent{.thread = 2, .reason = StopReason::kWriteWatch, .address = 0x1000});
  };
  return around;
}

}  // namespace

TEST_CASE("the list of threads is a document") {
  play(R"(
    → qSupported:multiprocess+
    ← PacketSize=20000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;binary-upload+;qXfer:threads:read+;multiprocess+
    → qXfer:threads:read::0,fff
    ← l<?xml version="1.0"?>\x0a<threads>\x0a<thread id="p1.1" name="CPU 0">vCPU 0</thread>\x0a<thread id="p1.2" core="17" name="&#60;&#34;&#38;&#39;&#62;??">vCPU 1</thread>\x0a</threads>\x0a
    → qXfer:threads:read:x:0,fff
    ← E.no such object
    → qXfer:threads:read::0
    ← E.malformed qXfer request)",
       with_two_threads());
}

TEST_CASE("the parts of the list of threads are of one moment") {
  play(R"(
    → qXfer:threads:read::1,4
    ← E.offset is beyond the object's end
    → qXfer:threads:read::0,3c
    ← m<?xml version="1.0"?>\x0a<threads>\x0a<thread id="1" name="CPU 0">
    * rename
    → qXfer:threads:read::3c,8
    ← mvCPU 0</
    → qXfer:threads:read::0,44
    ← m<?xml version="1.0"?>\x0a<threads>\x0a<thread id="1" name="CPU 0">changed 
    → qXfer:threads:read::44,1
    ← m0)",
       with_two_threads());
}

TEST_CASE("a stop reply tells the processor, in hexadecimal") {
  play(R"(
    → c
    * stop 2
    ← T05thread:2;core:11;watch:1000;)",
       with_two_threads());
}
