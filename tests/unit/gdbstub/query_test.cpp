// qSupported, target.xml and threads.
#include <catch2/catch.hpp>

#include "tests/support/transcript.hpp"

using namespace gdb;
using namespace gdb::test;

TEST_CASE("only what gdb offers and the target has is promised") {
  play(R"(
    → qSupported:multiprocess+;swbreak+;hwbreak+;error-message+;xmlRegisters=i386
    ← PacketSize=20000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;binary-upload+;swbreak+;hwbreak+;multiprocess+;error-message+
    → !
    ← OK
    → qAttached
    ← 1
    → qAttached:1
    ← 1)");
}

TEST_CASE("target.xml is read in pieces") {
  Play around;
  const x86::Layout layout(x86::Shape::kX86_64);
  const std::string& xml = layout.target_xml();
  play(fmt::format(R"(
    → qXfer:features:read:target.xml:0,5
    ← m<?xml
    → qXfer:features:read:target.xml:{:x},ff
    ← l>\x0a
    → qXfer:features:read:target.xml:{:x},ff
    ← l
    → qXfer:features:read:target.xml:{:x},ff
    ← E.offset is beyond the object's end
    → qXfer:features:read:other.xml:0,ff
    ← E.no such object
    → qXfer:features:read:target.xml:0
    ← E.malformed qXfer request
    → qXfer:memory-map:read::0,ff
    ←)",
                   xml.size() - 2, xml.size(), xml.size() + 1));
}

TEST_CASE("threads without multiprocess") {
  play(R"(
    → qC
    ← QC1
    → qfThreadInfo
    ← m1,2
    → qsThreadInfo
    ← l
    → qThreadExtraInfo,2
    ← 764350552031
    → T2
    ← OK
    → T3
    ← E.no such thread
    → Hg2
    ← OK
    → qC
    ← QC2
    → Hg0
    ← OK
    → Hc-1
    ← OK
    → Hg7
    ← E.no such thread
    → Hx1
    ← E.H selects for g or c only
    → Hg
    ← E.bad thread id
    → qThreadExtraInfo,-1
    ← E.bad thread id)");
}

TEST_CASE("threads with multiprocess") {
  Play around;
  around.prepare = [](FakeTarget& target) {
    for (const auto& row : x86::register_table()) target.unreadable.insert(row.reg);
    target.has_breakpoints = false;
  };
  play(R"(
    → qSupported:multiprocess+
    ← PacketSize=20000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;binary-upload+;multiprocess+
    → ?
    ← T05thread:p1.1;
    → qC
    ← QCp1.1
    → qfThreadInfo
    ← mp1.1,p1.2
    → Hgp1.2
    ← OK
    → Hgp0.0
    ← OK
    → Hcp1.-1
    ← OK
    → Hcp-1.-1
    ← OK
    → Tp1.2
    ← OK
    → Tp2.1
    ← E.no such process
    → Tp1.9
    ← E.no such thread
    → Tp1.1x
    ← E.bad thread id
    → Tp.1
    ← E.bad process id)",
       around);
}
