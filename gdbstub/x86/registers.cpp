#include "gdbstub/x86/registers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gdb::x86 {
namespace {

// clang-format off
constexpr std::array<RegisterInfo, kRegisterCount> kTable = {{
    {Register::kRax, "rax", 64, "int64"},         {Register::kRbx, "rbx", 64, "int64"},
    {Register::kRcx, "rcx", 64, "int64"},         {Register::kRdx, "rdx", 64, "int64"},
    {Register::kRsi, "rsi", 64, "int64"},         {Register::kRdi, "rdi", 64, "int64"},
    {Register::kRbp, "rbp", 64, "data_ptr"},      {Register::kRsp, "rsp", 64, "data_ptr"},
    {Register::kR8, "r8", 64, "int64"},           {Register::kR9, "r9", 64, "int64"},
    {Register::kR10, "r10", 64, "int64"},         {Register::kR11, "r11", 64, "int64"},
    {Register::kR12, "r12", 64, "int64"},         {Register::kR13, "r13", 64, "int64"},
    {Register::kR14, "r14", 64, "int64"},         {Register::kR15, "r15", 64, "int64"},
    {Register::kRip, "rip", 64, "code_ptr"},      {Register::kEflags, "eflags", 32, "i386_eflags"},
    {Register::kCs, "cs", 32, "int32"},           {Register::kSs, "ss", 32, "int32"},
    {Register::kDs, "ds", 32, "int32"},           {Register::kEs, "es", 32, "int32"},
    {Register::kFs, "fs", 32, "int32"},           {Register::kGs, "gs", 32, "int32"},
    {Register::kFsBase, "fs_base", 64, "int64"},  {Register::kGsBase, "gs_base", 64, "int64"},
    {Register::kKGsBase, "k_gs_base", 64, "int64"},
    {Register::kCr0, "cr0", 64, "x64_cr0"},       {Register::kCr2, "cr2", 64, "int64"},
    {Register::kCr3, "cr3", 64, "int64"},       {Register::kCr4, "cr4", 64, "x64_cr4"},
    {Register::kCr8, "cr8", 64, "int64"},         {Register::kEfer, "efer", 64, "x64_efer"},
    {Register::kSt0, "st0", 80, "i387_ext"},      {Register::kSt1, "st1", 80, "i387_ext"},
    {Register::kSt2, "st2", 80, "i387_ext"},      {Register::kSt3, "st3", 80, "i387_ext"},
    {Register::kSt4, "st4", 80, "i387_ext"},      {Register::kSt5, "st5", 80, "i387_ext"},
    {Register::kSt6, "st6", 80, "i387_ext"},      {Register::kSt7, "st7", 80, "i387_ext"},
    {Register::kFctrl, "fctrl", 32, "int"},       {Register::kFstat, "fstat", 32, "int"},
    {Register::kFtag, "ftag", 32, "int"},         {Register::kFiseg, "fiseg", 32, "int"},
    {Register::kFioff, "fioff", 32, "int"},       {Register::kFoseg, "foseg", 32, "int"},
    {Register::kFooff, "fooff", 32, "int"},       {Register::kFop, "fop", 32, "int"},
    {Register::kXmm0, "xmm0", 128, "vec128"},     {Register::kXmm1, "xmm1", 128, "vec128"},
    {Register::kXmm2, "xmm2", 128, "vec128"},     {Register::kXmm3, "xmm3", 128, "vec128"},
    {Register::kXmm4, "xmm4", 128, "vec128"},     {Register::kXmm5, "xmm5", 128, "vec128"},
    {Register::kXmm6, "xmm6", 128, "vec128"},     {Register::kXmm7, "xmm7", 128, "vec128"},
    {Register::kXmm8, "xmm8", 128, "vec128"},     {Register::kXmm9, "xmm9", 128, "vec128"},
    {Register::kXmm10, "xmm10", 128, "vec128"},   {Register::kXmm11, "xmm11", 128, "vec128"},
    {Register::kXmm12, "xmm12", 128, "vec128"},   {Register::kXmm13, "xmm13", 128, "vec128"},
    {Register::kXmm14, "xmm14", 128, "vec128"},   {Register::kXmm15, "xmm15", 128, "vec128"},
    {Register::kMxcsr, "mxcsr", 32, "i386_mxcsr"},
    {Register::kYmm0h, "ymm0h", 128, "uint128"},  {Register::kYmm1h, "ymm1h", 128, "uint128"},
    {Register::kYmm2h, "ymm2h", 128, "uint128"},  {Register::kYmm3h, "ymm3h", 128, "uint128"},
    {Register::kYmm4h, "ymm4h", 128, "uint128"},  {Register::kYmm5h, "ymm5h", 128, "uint128"},
    {Register::kYmm6h, "ymm6h", 128, "uint128"},  {Register::kYmm7h, "ymm7h", 128, "uint128"},
    {Register::kYmm8h, "ymm8h", 128, "uint128"},  {Register::kYmm9h, "ymm9h", 128, "uint128"},
    {Register::kYmm10h, "ymm10h", 128, "uint128"},{Register::kYmm11h, "ymm11h", 128, "uint128"},
    {Register::kYmm12h, "ymm12h", 128, "uint128"},{Register::kYmm13h, "ymm13h", 128, "uint128"},
    {Register::kYmm14h, "ymm14h", 128, "uint128"},{Register::kYmm15h, "ymm15h", 128, "uint128"},
    {Register::kEax, "eax", 32, "int32"},         {Register::kEcx, "ecx", 32, "int32"},
    {Register::kEdx, "edx", 32, "int32"},         {Register::kEbx, "ebx", 32, "int32"},
    {Register::kEsp, "esp", 32, "int32"},         {Register::kEbp, "ebp", 32, "int32"},
    {Register::kEsi, "esi", 32, "int32"},         {Register::kEdi, "edi", 32, "int32"},
    {Register::kEip, "eip", 32, "int32"},
}};
// clang-format on

constexpr bool in_number_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (std::to_underlying(kTable[i].reg) != i) return false;
  }
  return true;
}
static_assert(in_number_order());

// Types of the features (GDB manual, "Target Description Format"). Field positions: SDM vol. 1, 3.4.3 and
// 10.2.3; vol. 3, 2.5 (control registers) and 2.2.1 (EFER).
constexpr std::string_view kCoreTypes = R"(<flags id="i386_eflags" size="4">
<field name="CF" start="0" end="0"/><field name="" start="1" end="1"/><field name="PF" start="2" end="2"/>
<field name="AF" start="4" end="4"/><field name="ZF" start="6" end="6"/><field name="SF" start="7" end="7"/>
<field name="TF" start="8" end="8"/><field name="IF" start="9" end="9"/><field name="DF" start="10" end="10"/>
<field name="OF" start="11" end="11"/><field name="IOPL" start="12" end="13"/><field name="NT" start="14" end="14"/>
<field name="RF" start="16" end="16"/><field name="VM" start="17" end="17"/><field name="AC" start="18" end="18"/>
<field name="VIF" start="19" end="19"/><field name="VIP" start="20" end="20"/><field name="ID" start="21" end="21"/>
</flags>
)";

constexpr std::string_view kSystemTypes = R"(<flags id="x64_cr0" size="8">
<field name="PE" start="0" end="0"/><field name="MP" start="1" end="1"/><field name="EM" start="2" end="2"/>
<field name="TS" start="3" end="3"/><field name="ET" start="4" end="4"/><field name="NE" start="5" end="5"/>
<field name="WP" start="16" end="16"/><field name="AM" start="18" end="18"/><field name="NW" start="29" end="29"/>
<field name="CD" start="30" end="30"/><field name="PG" start="31" end="31"/>
</flags>
<flags id="x64_cr4" size="8">
<field name="VME" start="0" end="0"/><field name="PVI" start="1" end="1"/><field name="TSD" start="2" end="2"/>
<field name="DE" start="3" end="3"/><field name="PSE" start="4" end="4"/><field name="PAE" start="5" end="5"/>
<field name="MCE" start="6" end="6"/><field name="PGE" start="7" end="7"/><field name="PCE" start="8" end="8"/>
<field name="OSFXSR" start="9" end="9"/><field name="OSXMMEXCPT" start="10" end="10"/>
<field name="UMIP" start="11" end="11"/><field name="LA57" start="12" end="12"/><field name="VMXE" start="13" end="13"/>
<field name="SMXE" start="14" end="14"/><field name="FSGSBASE" start="16" end="16"/>
<field name="PCIDE" start="17" end="17"/><field name="OSXSAVE" start="18" end="18"/>
<field name="SMEP" start="20" end="20"/><field name="SMAP" start="21" end="21"/><field name="PKE" start="22" end="22"/>
<field name="CET" start="23" end="23"/><field name="PKS" start="24" end="24"/>
</flags>
<flags id="x64_efer" size="8">
<field name="SCE" start="0" end="0"/><field name="LME" start="8" end="8"/><field name="LMA" start="10" end="10"/>
<field name="NXE" start="11" end="11"/><field name="SVME" start="12" end="12"/><field name="LMSLE" start="13" end="13"/>
<field name="FFXSR" start="14" end="14"/><field name="TCE" start="15" end="15"/>
</flags>
)";

constexpr std::string_view kSseTypes = R"(<vector id="v4f" type="ieee_single" count="4"/>
<vector id="v2d" type="ieee_double" count="2"/>
<vector id="v16i8" type="int8" count="16"/>
<vector id="v8i16" type="int16" count="8"/>
<vector id="v4i32" type="int32" count="4"/>
<vector id="v2i64" type="int64" count="2"/>
<union id="vec128">
<field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/><field name="v16_int8" type="v16i8"/>
<field name="v8_int16" type="v8i16"/><field name="v4_int32" type="v4i32"/><field name="v2_int64" type="v2i64"/>
<field name="uint128" type="uint128"/>
</union>
<flags id="i386_mxcsr" size="4">
<field name="IE" start="0" end="0"/><field name="DE" start="1" end="1"/><field name="ZE" start="2" end="2"/>
<field name="OE" start="3" end="3"/><field name="UE" start="4" end="4"/><field name="PE" start="5" end="5"/>
<field name="DAZ" start="6" end="6"/><field name="IM" start="7" end="7"/><field name="DM" start="8" end="8"/>
<field name="ZM" start="9" end="9"/><field name="OM" start="10" end="10"/><field name="UM" start="11" end="11"/>
<field name="PM" start="12" end="12"/><field name="RC" start="13" end="14"/><field name="FZ" start="15" end="15"/>
</flags>
)";

// The features that gdb's i386 and amd64 targets know by name, and one of ours.
struct Range {
  Register first, last;
};
struct Feature {
  std::string_view name;
  std::string_view types;
  std::array<Range, 3> ranges;
  std::size_t range_count;
};
constexpr std::array<Feature, 5> kFeatures = {{
    {"org.gnu.gdb.i386.core",
     kCoreTypes,
     {{{Register::kRax, Register::kGs}, {Register::kSt0, Register::kFop}, {Register::kEax, Register::kEip}}},
     3},
    {"org.gnu.gdb.i386.segments", "", {{{Register::kFsBase, Register::kGsBase}}}, 1},
    {"org.gdbvm.x86.system", kSystemTypes, {{{Register::kKGsBase, Register::kEfer}}}, 1},
    {"org.gnu.gdb.i386.sse", kSseTypes, {{{Register::kXmm0, Register::kMxcsr}}}, 1},
    {"org.gnu.gdb.i386.avx", "", {{{Register::kYmm0h, Register::kYmm15h}}}, 1},
}};

// gdb 13 dies of an assertion when an i386 architecture meets the standard feature with fs_base, which it numbers as
// amd64.
std::string_view name_in(Shape shape, const Feature& feature) {
  return shape == Shape::kAny && feature.name == "org.gnu.gdb.i386.segments" ? "org.gdbvm.x86.segments" : feature.name;
}

std::string_view type_in(Shape shape, const RegisterInfo& row) {
  const bool pointer = row.type == "code_ptr" || row.type == "data_ptr";
  return shape == Shape::kAny && pointer ? "int64" : row.type;
}

std::string_view group_of(Register reg) {
  if (reg >= Register::kFctrl && reg <= Register::kFop) return R"( group="float")";
  if (reg == Register::kMxcsr) return R"( group="vector")";
  return "";
}

std::string register_xml(Shape shape, const RegisterInfo& row) {
  return fmt::format("<reg name=\"{}\" bitsize=\"{}\" type=\"{}\" regnum=\"{}\"{}/>\n", row.name, row.bits,
                     type_in(shape, row), std::to_underlying(row.reg), group_of(row.reg));
}

std::string describe(Shape shape, std::size_t count) {
  std::string xml =
      "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n"
      "<architecture>i386:x86-64</architecture>\n";
  for (const Feature& feature : kFeatures) {
    xml += fmt::format("<feature name=\"{}\">\n{}", name_in(shape, feature), feature.types);
    for (const Range& range : std::span(feature.ranges).first(feature.range_count)) {
      for (auto at = std::to_underlying(range.first); at <= std::to_underlying(range.last) && at < count; ++at) {
        xml += register_xml(shape, kTable[at]);
      }
    }
    xml += "</feature>\n";
  }
  return xml + "</target>\n";
}

}  // namespace

Value Value::of(std::uint64_t number) {
  Value value;
  for (std::size_t i = 0; i < sizeof number; ++i) value.bytes[i] = static_cast<std::byte>(number >> (8 * i));
  return value;
}

std::uint64_t Value::number() const {
  std::uint64_t number = 0;
  for (std::size_t i = sizeof number; i-- > 0;) number = number << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  return number;
}

std::span<const RegisterInfo, kRegisterCount> register_table() { return kTable; }

const RegisterInfo& info(Register reg) { return kTable[std::to_underlying(reg)]; }

Layout::Layout(Shape shape)
    : shape_(shape),
      count_(shape == Shape::kAny ? kRegisterCount : std::to_underlying(Register::kEax)),
      xml_(describe(shape, count_)) {}

std::optional<Register> Layout::from_number(std::uint64_t number) const {
  if (number >= count_) return std::nullopt;
  return static_cast<Register>(number);
}

}  // namespace gdb::x86
