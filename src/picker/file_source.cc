#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <thread>
#include <utility>

#include "base/files.h"
#include "obs/log.h"
#include "picker/endpoint_source.h"
#include "routing/endpoints_file.h"

namespace rage::picker {
namespace {

using std::chrono::milliseconds;

// What changes when a file is written or replaced.
using Stamp = std::array<std::int64_t, 5>;

std::optional<Stamp> stamp_of(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return Stamp{static_cast<std::int64_t>(status.st_dev), static_cast<std::int64_t>(status.st_ino),
               status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

Result<PoolContents> read_contents(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const std::string text, read_file(path, routing::kEndpointsFileBytesMax));
  ASSIGN_OR_RETURN(auto endpoints, routing::parse_endpoints_file(text));
  return PoolContents{.endpoints = std::move(endpoints)};
}

class FileSource final : public EndpointSource {
 public:
  FileSource(FileSourceOptions options, Clock& clock, std::optional<Stamp> stamp,
             PoolContents contents)
      : options_(std::move(options)), clock_(clock), stamp_(stamp), first_(std::move(contents)) {}

  void start(Changed changed) override {
    changed_ = std::move(changed);
    changed_(std::move(first_));
    if (options_.poll <= milliseconds(0)) return;
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (clock_.sleep_for(options_.poll, stop)) look();
    });
  }

 private:
  void look() {
    const std::optional<Stamp> stamp = stamp_of(options_.path);
    if (stamp == stamp_) return;
    stamp_ = stamp;  // Before reading: what is written meanwhile shows in the next look.
    Result<PoolContents> contents = read_contents(options_.path);
    if (!contents) {
      obs::log().warn("the endpoints' file is unusable; the old endpoints stay",
                      {{"path", options_.path.native()}, {"error", contents.error().message}});
      return;
    }
    obs::log().info("the endpoints' file has changed",
                    {{"path", options_.path.native()}, {"endpoints", contents->endpoints.size()}});
    changed_(*std::move(contents));
  }

  const FileSourceOptions options_;
  Clock& clock_;
  std::optional<Stamp> stamp_;
  PoolContents first_;
  Changed changed_;
  std::jthread thread_;  // Last: it uses everything above.
};

}  // namespace

void PushSource::start(Changed changed) {
  state_.with([&](State& state) {
    state.changed = std::move(changed);
    if (state.early) state.changed(*std::exchange(state.early, std::nullopt));
  });
}

void PushSource::push(PoolContents contents) {
  state_.with([&](State& state) {
    if (state.changed) {
      state.changed(std::move(contents));
    } else {
      state.early = std::move(contents);
    }
  });
}

Result<std::unique_ptr<EndpointSource>> make_file_source(FileSourceOptions options, Clock& clock) {
  const std::optional<Stamp> stamp = stamp_of(options.path);
  Result<PoolContents> contents = read_contents(options.path);
  if (!contents) {
    return fail(std::move(contents).error().with_context("endpoints of " + options.path.native()));
  }
  return std::make_unique<FileSource>(std::move(options), clock, stamp, *std::move(contents));
}

}  // namespace rage::picker
