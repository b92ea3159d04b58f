#include "nb.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "error.h"
#include "flatbuffer.h"
#include "nb_params.h"
#include "shown.h"

namespace deit {
namespace {

// Little-endian: uint16 meta version, char[16] version of opt, NUL-terminated, uint64 length of the program.
constexpr std::size_t kVersionAt = 2, kVersionBytes = 16, kProgramAt = 18;

// Slots: places of the fields in the tables of Paddle-Lite's framework.fbs.
constexpr int kProgramBlocks = 0;
constexpr int kBlockVars = 2, kBlockOps = 3;
constexpr int kVarName = 0, kVarType = 1, kVarPersistable = 2;
constexpr int kTypeKind = 0, kTypeLodTensor = 2;
constexpr int kLodTensorTensor = 0, kTensorDims = 1;
constexpr int kOpType = 0, kOpInputs = 1, kOpOutputs = 2, kOpAttributes = 3;
constexpr int kArgumentNames = 1;
constexpr int kAttributeName = 0, kAttributeType = 1;
constexpr std::int32_t kFeedMinibatch = 9, kFetchList = 10;
constexpr std::string_view kKernelAttribute = "__@kernel_type_attr@__";

// paddle_place.h's number of fp16, and its targets in their order.
constexpr int kFp16 = 5;
constexpr std::array<std::string_view, 19> kTargets = {"unk",
                                                       "host",
                                                       "x86",
                                                       "cuda",
                                                       "arm",
                                                       "opencl",
                                                       "any",
                                                       "fpga",
                                                       "npu",
                                                       "xpu",
                                                       "bm",
                                                       "mlu",
                                                       "rknpu",
                                                       "apu",
                                                       "huawei_ascend_npu",
                                                       "imagination_nna",
                                                       "intel_fpga",
                                                       "metal",
                                                       "nnadapter"};

struct Variable {
  std::vector<std::int64_t> shape;
  bool is_parameter = false;
};
using Variables = std::map<std::string, Variable, std::less<>>;


void add_variable(const Table& table, Variables& variables) {
  const std::optional<Table> type = table.table(kVarType);
  if (!type) throw DamagedError("a variable has no type");
  Variable variable;
  if (const auto lod_tensor = type->table(kTypeLodTensor)) {
    if (const auto tensor = lod_tensor->table(kLodTensorTensor)) {
      variable.shape = tensor->numbers<std::int64_t>(kTensorDims);
    }
  }
  const auto kind = type->number<std::int32_t>(kTypeKind);
  variable.is_parameter =
      table.number<std::uint8_t>(kVarPersistable) != 0 && kind != kFeedMinibatch && kind != kFetchList;
  variables.insert_or_assign(std::string(table.text(kVarName)), std::move(variable));
}

// Reads an attribute's value, so that the engine will find it inside of the buffer.
void check_attribute(const Table& attribute) {
  // AttrType's number and, two slots on, the value's own field.
  const auto kind = attribute.number<std::int32_t>(kAttributeType);
  // Told apart below; only then the sum can't overflow.
  const int slot = kind >= 0 && kind <= 11 ? kind + 2 : 0;
  switch (kind) {
    case 0:  // int32
    case 1:  // float
    case 8:  // block
      attribute.number<std::uint32_t>(slot);
      return;
    case 2:
      attribute.text(slot);
      return;
    case 3:   // int32s
    case 4:   // floats
    case 10:  // blocks
      attribute.numbers<std::uint32_t>(slot);
      return;
    case 5:
      attribute.texts(slot);
      return;
    case 6:  // bool
      attribute.number<std::uint8_t>(slot);
      return;
    case 7:  // bools
      attribute.numbers<std::uint8_t>(slot);
      return;
    case 9:  // int64
      attribute.number<std::int64_t>(slot);
      return;
    case 11:  // int64s
      attribute.numbers<std::int64_t>(slot);
      return;
    default:
      throw DamagedError("an attribute has type " + std::to_string(kind) + ", which no opt writes");
  }
}

// The number of one or two digits that `text` is; -1 for any other text.
int small_number(std::string_view text) {
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && text.size() <= 2 ? number : -1;
}

// Adds what a kernel, `op/alias/target/precision/layout`, runs on.
void add_kernel(std::string_view op, std::string_view kernel, NbModel& model) {
  std::vector<std::string_view> parts;
  for (std::string_view rest = kernel;;) {
    const std::size_t slash = rest.find('/');
    parts.push_back(rest.substr(0, slash));
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  const bool whole = parts.size() == 5 && !op.empty() && parts[0] == op;
  const int target = whole ? small_number(parts[2]) : -1;
  const int precision = whole ? small_number(parts[3]) : -1;
  if (target < 0 || static_cast<std::size_t>(target) >= kTargets.size() || precision < 0) {
    throw DamagedError("operator " + quoted(op) + " has no kernel (" + quoted(kernel) + ")");
  }
  const std::string_view name = kTargets[static_cast<std::size_t>(target)];
  model.targets.emplace(name);
  if (name == "arm" && precision == kFp16) model.arm_fp16 = true;
}

void check_arguments(const std::vector<Table>& arguments, std::string_view op, const Variables& variables) {
  for (const Table& argument : arguments) {
    for (const std::string_view name : argument.texts(kArgumentNames)) {
      if (variables.find(name) == variables.end()) {
        throw DamagedError("operator " + quoted(op) + " uses " + quoted(name) + ", which is not declared");
      }
    }
  }
}

// Adds what the operator runs on, and the variables that it feeds and fetches.
void add_operator(const Table& table, const Variables& variables, NbModel& model,
                  std::vector<std::string>& fed, int& fetched) {
  const std::string_view op = table.text(kOpType);
  std::string_view kernel;
  for (const Table& attribute : table.tables(kOpAttributes)) {
    check_attribute(attribute);
    if (attribute.text(kAttributeName) == kKernelAttribute) kernel = attribute.text(kAttributeType + 3);
  }
  add_kernel(op, kernel, model);
  const std::vector<Table> outputs = table.tables(kOpOutputs);
  check_arguments(table.tables(kOpInputs), op, variables);
  check_arguments(outputs, op, variables);
  if (op == "fetch") ++fetched;
  if (op != "feed") return;
  for (const Table& output : outputs) {
    for (const std::string_view name : output.texts(kArgumentNames)) fed.emplace_back(name);
  }
}

void read_program(const std::uint8_t* data, std::size_t size, NbModel& model, Variables& variables) {
  FlatBuffer buffer(data, size);
  const std::vector<Table> blocks = Table::root(buffer).tables(kProgramBlocks);
  for (const Table& block : blocks) {
    for (const Table& variable : block.tables(kBlockVars)) add_variable(variable, variables);
  }
  std::vector<std::string> fed;
  int fetched = 0;
  for (const Table& block : blocks) {
    for (const Table& op : block.tables(kBlockOps)) add_operator(op, variables, model, fed, fetched);
  }
  if (fed.size() != 1 || fetched == 0) {
    throw DamagedError("it has " + std::to_string(fed.size()) + " inputs and " + std::to_string(fetched) +
                       " outputs where a classifier has one of each");
  }
  model.input = fed.front();
  model.shape = variables.find(model.input)->second.shape;
}

}  // namespace

NbHeader read_nb_header(const std::uint8_t* data, std::size_t size) {
  if (size == 0) throw DamagedError("the file is empty");
  if (size < kNbHeaderBytes) throw DamagedError("it is cut short inside of the header, or something else");
  NbHeader header;
  std::uint16_t meta_version = 0;
  std::memcpy(&meta_version, data, sizeof meta_version);
  const auto* version = reinterpret_cast<const char*>(data + kVersionAt);
  header.opt_version.assign(version, std::find(version, version + kVersionBytes, '\0'));
  std::memcpy(&header.program_bytes, data + kProgramAt, sizeof header.program_bytes);
  const bool printable = std::all_of(header.opt_version.begin(), header.opt_version.end(),
                                     [](char letter) { return letter >= ' ' && letter <= '~'; });
  if (meta_version > 255 || header.opt_version.empty() || !printable) {
    throw DamagedError("it does not start like a .nb, with a meta version and opt's version");
  }
  if (meta_version != kNbMetaVersion) {
    throw DamagedError("it has meta version " + std::to_string(meta_version) + ", of opt " +
                       header.opt_version + "; this reads " + std::to_string(kNbMetaVersion));
  }
  const std::size_t there = size - kNbHeaderBytes;
  if (header.program_bytes > there) {
    throw DamagedError("it is cut short: " + std::to_string(header.program_bytes) +
                       " bytes of program announced, " + std::to_string(there) + " there");
  }
  return header;
}

NbModel read_nb(const std::uint8_t* data, std::size_t size, const std::string& name) {
  try {
    NbModel model;
    model.header = read_nb_header(data, size);
    const auto program_bytes = static_cast<std::size_t>(model.header.program_bytes);
    Variables variables;
    read_program(data + kNbHeaderBytes, program_bytes, model, variables);
    const std::size_t params_at = kNbHeaderBytes + program_bytes;
    const std::set<std::string> params = read_nb_params(data + params_at, size - params_at);
    for (const auto& [variable, facts] : variables) {
      if (facts.is_parameter && params.count(variable) == 0) {
        throw DamagedError("its program wants parameter " + quoted(variable) + ", which is not in the file");
      }
    }
    model.params = params.size();
    return model;
  } catch (const DamagedError& error) {
    throw Error(Code::Model, name + " is no usable Paddle Lite model: " + error.what() +
                                 "; copy it again, or convert it again with tools/opt.py");
  }
}

}  // namespace deit
