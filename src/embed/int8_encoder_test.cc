#include "embed/int8_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <random>
#include <thread>
#include <vector>

#include "embed/detail/attention.h"
#include "embed/detail/int8_kernels.h"
#include "embed/text_encoder.h"
#include "test_paths.h"

namespace rage::embed {
namespace {

using detail::Int8Rows;

class Int8KernelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!detail::cpu_has_int8_kernels()) GTEST_SKIP() << "this CPU has no AVX-512 VNNI and BF16";
  }

  std::vector<float> random_values(std::size_t count, float scale = 1.0F) {
    std::normal_distribution<float> normal(0, scale);
    std::vector<float> values(count);
    for (float& value : values) value = normal(random_);
    return values;
  }

 private:
  std::mt19937 random_{23};
};

// What the bytes of a row of 64 stand for.
std::vector<float> values_of(const Int8Rows& rows, std::size_t row = 0) {
  EXPECT_EQ(rows.width, 64U);
  std::vector<float> values;
  for (std::size_t i = 0; i < 64; ++i) {
    const int byte = rows.bytes[row * 64 + i];
    const float step = std::ldexp(rows.scales[row], rows.exponents[row] >> 23);
    values.push_back(static_cast<float>(byte - rows.zero) * step);
  }
  return values;
}

std::vector<double> multiply_exactly(const std::vector<float>& rows,
                                     const std::vector<float>& weights,
                                     const std::vector<float>& biases, std::size_t width) {
  std::vector<double> products;
  for (std::size_t at = 0; at < rows.size(); at += width) {
    for (std::size_t output = 0; output < biases.size(); ++output) {
      double sum = biases[output];
      for (std::size_t i = 0; i < width; ++i) {
        sum += static_cast<double>(rows[at + i]) * weights[output * width + i];
      }
      products.push_back(sum);
    }
  }
  return products;
}

double relative_error(const std::vector<float>& found, const std::vector<double>& expected) {
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += (found[i] - expected[i]) * (found[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  return std::sqrt(difference / size);
}

// A wrong product anywhere makes every vector of every index wrong, and nobody would see it.
TEST_F(Int8KernelTest, ProductsAreThoseOfFloats) {
  constexpr std::size_t kWidth = 128;
  const auto weights = random_values(192 * kWidth, 0.05F);
  const auto biases = random_values(192);
  const auto linear = detail::quantize_weights(weights, biases);
  for (std::size_t rows = 1; rows <= 14; ++rows) {
    auto values = random_values(rows * kWidth);
    values[0] = 40;  // An outlier costs its own group alone.
    Int8Rows bytes;
    detail::quantize_rows(values, kWidth, bytes);
    std::vector<float> products(rows * 192);
    detail::multiply(bytes, linear, products);
    EXPECT_LT(relative_error(products, multiply_exactly(values, weights, biases, kWidth)), 0.02)
        << rows << " rows";
  }
}

// Who asks while somebody else indexes gets the vector that he gets alone.
TEST_F(Int8KernelTest, ARowDoesNotDependOnItsCompany) {
  constexpr std::size_t kWidth = 64;
  const auto linear = detail::quantize_weights(random_values(64 * kWidth), random_values(64));
  const auto values = random_values(13 * kWidth);
  Int8Rows bytes;
  detail::quantize_rows(values, kWidth, bytes);
  std::vector<float> together(13 * 64);
  detail::multiply(bytes, linear, together);
  Int8Rows wide;
  detail::multiply_gelu(bytes, linear, wide);
  for (std::size_t row = 0; row < 13; ++row) {
    detail::quantize_rows(std::span(values).subspan(row * kWidth, kWidth), kWidth, bytes);
    std::vector<float> alone(64);
    detail::multiply(bytes, linear, alone);
    EXPECT_TRUE(std::ranges::equal(alone, std::span(together).subspan(row * 64, 64))) << row;
    Int8Rows wide_alone;
    detail::multiply_gelu(bytes, linear, wide_alone);
    EXPECT_EQ(values_of(wide_alone), values_of(wide, row)) << row;
  }
}

TEST_F(Int8KernelTest, ZerosAndExtremesStayNumbers) {
  std::vector<float> weights(64 * 64, 0.0F);
  weights[0] = 1e30F;
  const auto linear = detail::quantize_weights(weights, std::vector<float>(64, 0.0F));
  std::vector<float> values(2 * 64, 0.0F);
  values[64] = -3e4F;
  Int8Rows bytes;
  detail::quantize_rows(values, 64, bytes);
  std::vector<float> products(2 * 64);
  detail::multiply(bytes, linear, products);
  EXPECT_EQ(products[0], 0.0F);
  EXPECT_NEAR(products[64] / -3e34F, 1.0F, 0.01F);
  EXPECT_TRUE(std::ranges::all_of(products, [](float value) { return std::isfinite(value); }));
}

// As near as the bytes' steps allow, each time; and in the mean, for what is always too large or
// too small moves every vector.
TEST_F(Int8KernelTest, GeluIsThatOfErf) {
  // One weight of 1 an output passes the first input on.
  std::vector<float> weights(64 * 64, 0.0F);
  for (std::size_t output = 0; output < 64; ++output) weights[output * 64] = 1.0F;
  const auto linear = detail::quantize_weights(weights, std::vector<float>(64, 0.0F));
  double sum = 0;
  for (int i = -3000; i <= 3000; ++i) {
    const float x = static_cast<float>(i) / 100;
    std::vector<float> values(64, 0.0F);
    values[0] = x;
    Int8Rows bytes;
    detail::quantize_rows(values, 64, bytes);
    Int8Rows products;
    detail::multiply_gelu(bytes, linear, products);
    const double expected = 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    const double step = std::max(1.0 / 128, std::exp2(std::ceil(std::log2(expected / 233 + 1e-9))));
    const double error = values_of(products)[7] - expected;
    EXPECT_LE(std::abs(error), step / 2 + 6e-4 + std::abs(expected) * 1e-5) << x;
    sum += error;
  }
  EXPECT_LT(std::abs(sum / 6001), 1e-3);
}

// An input a thousand times larger than others must not wipe those out.
TEST_F(Int8KernelTest, AnOutlierCostsItsOwnGroupAlone) {
  std::vector<float> values(128, 0.0F);
  values[0] = 100;
  for (std::size_t i = 64; i < 128; ++i) values[i] = static_cast<float>(i) / 1000;
  std::vector<float> weights(64 * 128, 0.0F);
  for (std::size_t output = 0; output < 64; ++output) weights[output * 128 + 64 + output] = 1.0F;
  const auto linear = detail::quantize_weights(weights, std::vector<float>(64, 0.0F));
  Int8Rows bytes;
  detail::quantize_rows(values, 128, bytes);
  std::vector<float> products(64);
  detail::multiply(bytes, linear, products);
  for (std::size_t i = 0; i < 64; ++i) EXPECT_NEAR(products[i], values[64 + i], 0.001) << i;
}

TEST_F(Int8KernelTest, NormalizesRows) {
  auto values = random_values(3 * 48);
  const auto added = random_values(3 * 48);
  const auto scales = random_values(48);
  const auto shifts = random_values(48);
  std::vector<float> expected;
  for (std::size_t at = 0; at < values.size(); at += 48) {
    double mean = 0;
    double variance = 0;
    for (std::size_t i = 0; i < 48; ++i) mean += (values[at + i] + added[at + i]) / 48;
    for (std::size_t i = 0; i < 48; ++i) {
      variance += std::pow(values[at + i] + added[at + i] - mean, 2) / 48;
    }
    for (std::size_t i = 0; i < 48; ++i) {
      expected.push_back(static_cast<float>((values[at + i] + added[at + i] - mean) /
                                                std::sqrt(variance + 1e-5) * scales[i] +
                                            shifts[i]));
    }
  }
  detail::add_and_normalize(values, added, scales, shifts, 1e-5F);
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], 1e-5F);
}

// Texts shorter and longer than the blocks it is computed in, and heads that do not fill a
// register.
TEST_F(Int8KernelTest, AttentionIsThatOfFloats) {
  for (const std::size_t tokens : {1U, 2U, 7U, 8U, 31U, 33U, 70U}) {
    for (const std::size_t size : {6U, 16U, 32U, 64U}) {
      constexpr std::size_t kHeads = 2;
      const std::size_t hidden = kHeads * size;
      const auto projections = random_values(tokens * 3 * hidden);
      detail::AttentionSpace space;
      std::vector<float> mixed(tokens * hidden);
      detail::attend(projections, kHeads, size, space, mixed);
      const auto at = [&](std::size_t token, std::size_t part, std::size_t i) {
        return static_cast<double>(projections[token * 3 * hidden + part * hidden + i]);
      };
      std::vector<double> expected(mixed.size());
      for (std::size_t head = 0; head < kHeads; ++head) {
        for (std::size_t query = 0; query < tokens; ++query) {
          std::vector<double> shares(tokens);
          double sum = 0;
          for (std::size_t key = 0; key < tokens; ++key) {
            double score = 0;
            for (std::size_t i = 0; i < size; ++i) {
              score += at(query, 0, head * size + i) * at(key, 1, head * size + i);
            }
            sum += shares[key] = std::exp2(score);
          }
          for (std::size_t key = 0; key < tokens; ++key) {
            for (std::size_t i = 0; i < size; ++i) {
              expected[query * hidden + head * size + i] +=
                  shares[key] / sum * at(key, 2, head * size + i);
            }
          }
        }
      }
      // These scores spread wider than a model's, and a wrong one would cost tenfold.
      EXPECT_LT(relative_error(mixed, expected), 0.04) << tokens << " tokens, size " << size;
    }
  }
}

TEST_F(Int8KernelTest, QueriesOfNothingAttendToAllAlike) {
  constexpr std::size_t kTokens = 5;
  std::vector<float> projections(kTokens * 3 * 32, 0.0F);
  for (std::size_t token = 0; token < kTokens; ++token) {
    projections[token * 96 + 32] = 1;
    projections[token * 96 + 64] = static_cast<float>(token);
  }
  detail::AttentionSpace space;
  std::vector<float> mixed(kTokens * 32);
  detail::attend(projections, 1, 32, space, mixed);
  for (std::size_t token = 0; token < kTokens; ++token) EXPECT_NEAR(mixed[token * 32], 2, 0.02);
}

// Passes run side by side, and what shares one with a text changes nothing, to the bit.
TEST_F(Int8KernelTest, ThreadsAndCompanyDoNotChangeAVector) {
  const auto folder = test::cache_dir() / "models/packaged/all-MiniLM-L6-v2";
  const auto config = read_bert_config(folder, "");
  ASSERT_TRUE(config);
  const auto encoder = Int8Encoder::load(folder, *config, {.threads = 3});
  ASSERT_TRUE(encoder);
  std::mt19937 random(7);
  std::vector<std::vector<std::int32_t>> ids(9);
  for (auto& text : ids) {
    text.resize(2 + random() % 20);
    for (auto& id : text) id = static_cast<std::int32_t>(1000 + random() % 20000);
  }
  const auto encode = [&](std::span<const std::vector<std::int32_t>> texts) {
    std::vector<float> vectors(texts.size() * config->hidden);
    MicroBatch batch{.rows = 1};
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto place = std::span(vectors).subspan(i * config->hidden, config->hidden);
      batch.texts.push_back(
          {.ids = texts[i], .row = 0, .column = batch.row_tokens, .vector = place});
      batch.row_tokens += texts[i].size();
    }
    EXPECT_TRUE((*encoder)->encode(batch));
    return vectors;
  };
  std::vector<float> alone;
  for (const auto& text : ids) std::ranges::copy(encode({&text, 1}), std::back_inserter(alone));
  std::array<std::vector<float>, 3> together;
  {
    std::vector<std::jthread> threads;
    for (auto& vectors : together) threads.emplace_back([&] { vectors = encode(ids); });
  }
  for (const auto& vectors : together) EXPECT_EQ(vectors, alone);
}

TEST(Int8Encoder, LeavesModelsOfOddSizesToTheRuntime) {
  BertConfig config{.vocabulary = 100,
                    .hidden = 32,
                    .layers = 1,
                    .heads = 4,
                    .intermediate = 64,
                    .positions = 16,
                    .token_types = 2,
                    .tokens_max = 16};
  EXPECT_FALSE(Int8Encoder::can_run(config));
  const auto refused = load_encoder(test::source_dir(), config, {.precision = Precision::kInt8});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnimplemented);
}

}  // namespace
}  // namespace rage::embed
