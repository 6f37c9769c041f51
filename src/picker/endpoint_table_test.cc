// Counters that leak or belong to nobody would send every request to the wrong place for ever.
#include "picker/endpoint_table.h"

#include <gtest/gtest.h>

namespace rage::picker {
namespace {

using routing::Endpoint;

Endpoint an_endpoint(std::string pod, std::string address, std::uint16_t port = 8000) {
  return {.name_space = "ns", .pod = std::move(pod), .address = std::move(address), .port = port};
}

TEST(EndpointTable, ShowsMetricsAndCountersAsTheyAre) {
  EndpointTable table;
  const TableChange change = table.replace({an_endpoint("a", "10.0.0.1")});
  ASSERT_EQ(change.added.size(), 1);
  const auto slot = change.added[0].slot;
  {
    const EndpointTable::View view = table.view();
    EXPECT_EQ(view.endpoints()[0].in_flight, routing::InFlight{});
    EXPECT_FALSE(view.endpoints()[0].metrics.updated_at);
  }
  slot->charge({.requests = 1, .tokens = 40});
  slot->set_metrics({.waiting = 3, .updated_at = SteadyTime(std::chrono::seconds(5))});
  {
    const EndpointTable::View view = table.view();
    EXPECT_EQ(view.endpoints()[0].in_flight, (routing::InFlight{.requests = 1, .tokens = 40}));
    EXPECT_EQ(view.endpoints()[0].metrics.waiting, 3);
    EXPECT_EQ(view.slot(0), slot);
  }
  slot->release({.requests = 1, .tokens = 40});
  EXPECT_EQ(table.view().endpoints()[0].in_flight, routing::InFlight{});
}

TEST(EndpointTable, WhoStaysKeepsWhatIsKnownOfIt) {
  EndpointTable table;
  const auto first = table.replace({an_endpoint("a", "10.0.0.1"), an_endpoint("b", "10.0.0.2")});
  first.added[0].slot->charge({.requests = 2, .tokens = 0});
  Endpoint relabelled = an_endpoint("a", "10.0.0.1");
  relabelled.labels.emplace("llm-d.ai/role", "decode");
  relabelled.rank = 3;
  // b came back with another address: another server, with nothing in flight.
  const auto second = table.replace({an_endpoint("b", "10.0.0.3"), relabelled});
  ASSERT_EQ(second.added.size(), 1);
  EXPECT_EQ(second.added[0].endpoint.address, "10.0.0.3");
  ASSERT_EQ(second.removed.size(), 1);
  EXPECT_EQ(second.removed[0].endpoint.address, "10.0.0.2");
  const EndpointTable::View view = table.view();
  ASSERT_EQ(view.endpoints().size(), 2);
  EXPECT_EQ(view.endpoints()[1].in_flight.requests, 2);
  EXPECT_EQ(view.endpoints()[1].labels.at("llm-d.ai/role"), "decode");
  EXPECT_EQ(view.endpoints()[1].rank, 3);
}

TEST(EndpointTable, AnEndpointOutlivesItsLeavingWhileSomethingIsInFlight) {
  EndpointTable table;
  const auto slot = table.replace({an_endpoint("a", "10.0.0.1")}).added[0].slot;
  slot->charge({.requests = 1, .tokens = 1});
  (void)table.replace({});
  EXPECT_EQ(table.size(), 0);
  EXPECT_TRUE(table.view().endpoints().empty());
  slot->release({.requests = 1, .tokens = 1});
}

TEST(EndpointTable, ViewsAtTheSameTimeDoNotDisturbEachOther) {
  EndpointTable table;
  const auto change = table.replace({an_endpoint("a", "10.0.0.1"), an_endpoint("b", "::1", 80)});
  const EndpointTable::View before = table.view();
  change.added[0].slot->charge({.requests = 1, .tokens = 0});
  const EndpointTable::View after = table.view();
  (void)table.replace({an_endpoint("c", "10.0.0.9")});
  EXPECT_EQ(before.endpoints()[0].in_flight.requests, 0);
  EXPECT_EQ(after.endpoints()[0].in_flight.requests, 1);
  EXPECT_EQ(after.endpoints().size(), 2);
  EXPECT_EQ(table.view().endpoints()[0].pod, "c");
  EXPECT_EQ(table.find("[::1]:80"), nullptr);
  EXPECT_NE(table.find("10.0.0.9:8000"), nullptr);
}

TEST(EndpointTable, OfTwoAlikeTheLastCountsAndASourceMayKnowMetrics) {
  EndpointTable table;
  Endpoint known = an_endpoint("a", "10.0.0.1");
  known.rank = 1;
  known.metrics = {.waiting = 7, .updated_at = SteadyTime(std::chrono::seconds(1))};
  const auto change = table.replace({an_endpoint("a", "10.0.0.1"), known});
  ASSERT_EQ(change.added.size(), 1);
  const EndpointTable::View view = table.view();
  ASSERT_EQ(view.endpoints().size(), 1);
  EXPECT_EQ(view.endpoints()[0].rank, 1);
  EXPECT_EQ(view.endpoints()[0].metrics.waiting, 7);
}

}  // namespace
}  // namespace rage::picker
