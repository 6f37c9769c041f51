// Dashboards and alerts are written against these names and labels.
#include "picker/metrics.h"

#include <gtest/gtest.h>

#include <set>

#include "base/files.h"
#include "base/strings.h"
#include "test_paths.h"

namespace rage::picker {
namespace {

// "counter name{label,label}", one line a family, sorted.
std::string families(const std::string& page) {
  std::map<std::string, std::string, std::less<>> kinds;
  std::set<std::string> lines;
  for (const std::string_view line : split(page, '\n')) {
    if (line.starts_with("# TYPE ")) {
      const auto words = split(line, ' ');
      kinds.emplace(words[2], words[3]);
      continue;
    }
    if (line.empty() || line.starts_with('#')) continue;
    std::string name(line.substr(0, line.find_first_of("{ ")));
    for (const std::string_view suffix : {"_bucket", "_sum", "_count"}) {
      const std::string stem = name.substr(0, name.size() - std::min(name.size(), suffix.size()));
      if (name.ends_with(suffix) && kinds.contains(stem)) name = stem;
    }
    std::vector<std::string> labels;
    std::string_view rest = line;
    while (true) {
      const std::size_t equals = rest.find("=\"");
      if (equals == std::string_view::npos) break;
      const std::size_t begin = rest.find_last_of("{,", equals) + 1;
      const std::string label(rest.substr(begin, equals - begin));
      if (label != "le") labels.push_back(label);
      rest.remove_prefix(rest.find('"', equals + 2) + 1);
    }
    lines.insert(kinds.at(name) + " " + name + "{" + join(labels, ",") + "}\n");
  }
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

TEST(PickerMetrics, NamesAndLabelsAreTheOriginals) {
  obs::MetricRegistry registry;
  PickerMetrics metrics(registry, "pool");
  const RequestLabels labels{.model = "m", .target_model = "t", .fairness_id = "f", .priority = 1};
  const routing::Endpoint endpoint{
      .name_space = "ns", .pod = "a", .address = "10.0.0.1", .port = 8000};
  metrics.request(labels).total.add();
  metrics.count_error(labels, "BadRequest");
  metrics.count_schedule("success", "t", &endpoint);
  metrics.count_rewrite("r", "m", "t");
  metrics.count_disaggregation("m", "decode-only");
  metrics.observe_queue(labels, "Dispatched", .1);
  metrics.set_endpoint(endpoint);
  metrics.set_band({.priority = 1, .requests = 1, .requests_max = 4});
  const auto golden = read_file(test::source_dir() / "src/picker/testdata/metrics.txt", 1 << 20);
  ASSERT_TRUE(golden) << golden.error().message;
  EXPECT_EQ(families(registry.render()), *golden);
}

TEST(PickerMetrics, TwinsCanBeLeftOut) {
  obs::MetricRegistry registry;
  PickerMetrics metrics(registry, "pool", {.deprecated_names = false});
  metrics.request({}).total.add();
  EXPECT_EQ(registry.render().find("inference_"), registry.render().find("inference_pool=\""));
}

TEST(LabelCap, KeepsTheFirstAndThePinned) {
  LabelCap cap(2);
  cap.pin("pinned");
  EXPECT_EQ(cap.capped("a"), "a");
  EXPECT_EQ(cap.capped("pinned"), "pinned");
  EXPECT_EQ(cap.capped("b"), "b");
  EXPECT_EQ(cap.capped("c"), "other");
  EXPECT_EQ(cap.capped("a"), "a");
}

}  // namespace
}  // namespace rage::picker
