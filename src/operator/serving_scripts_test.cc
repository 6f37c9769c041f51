// The shell scripts in our containers, run by a real shell with stand-ins for the network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/files.h"
#include "base/process.h"
#include "operator/detail/serving_adapters.h"
#include "operator/serving_fixture.h"

namespace rage::op {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::uint64_t kBytesMax = 1 << 20;

// A folder with programs of our own in front of PATH.
class Sandbox final {
 public:
  Sandbox() : folder_(*TemporaryDirectory::create("serving-scripts")) {
    fs::create_directories(path() / "bin");
  }
  const fs::path& path() const { return folder_->path(); }

  void write(const fs::path& name, const std::string& text) const {
    fs::create_directories((path() / name).parent_path());
    ASSERT_TRUE(write_file_atomically(path() / name, text));
  }
  void program(const std::string& name, const std::string& script) const {
    write(fs::path("bin") / name, "#!/bin/sh\n" + script);
    fs::permissions(path() / "bin" / name, fs::perms::owner_all);
  }
  std::string read(const fs::path& name) const {
    return read_file(path() / name, kBytesMax).value_or("absent");
  }
  // Paths of the container become paths of the sandbox.
  int run(std::string script) const {
    for (const std::string root : {"/mnt", "/etc"}) {
      for (std::size_t at = 0; (at = script.find(root + "/", at)) != std::string::npos;
           at += path().string().size() + root.size()) {
        script.insert(at, path().string());
      }
    }
    const auto child =
        ChildProcess::spawn({.argv = {"/bin/sh", "-c", script},
                             .environment = {{"PATH", (path() / "bin").string() + ":/usr/bin:/bin"},
                                             {"SANDBOX", path().string()}},
                             .log_file = path() / "log"});
    EXPECT_TRUE(child) << child.error().message;
    return child ? (*child)->wait()->code : -1;
  }

 private:
  std::unique_ptr<TemporaryDirectory> folder_;
};

std::string script_of(const Json& container) {
  return container["command"][2];
}

std::string puller_script() {
  return script_of(
      detail::image_puller("puller-law", "org/law", "/mnt/adapter/law", Json::array()));
}

// A registry with one image of two layers; private unless SECRET is in the auth file.
void install_skopeo(const Sandbox& sandbox) {
  sandbox.program("skopeo", R"(set -e
echo "$@" >>"$SANDBOX/calls"
[ "$2" = --authfile ] && grep -q SECRET "$3" || exit 1
out=${5#dir:}
mkdir -p "$out" "$SANDBOX/a/data" "$SANDBOX/b/data"
echo one >"$SANDBOX/a/data/adapter_config.json"; echo no >"$SANDBOX/a/other"
echo two >"$SANDBOX/b/data/adapter_config.json"
tar -czf "$out/a1" -C "$SANDBOX/a" . ; tar -cf "$out/b2" -C "$SANDBOX/b" data
echo '{}' >"$out/c0"
echo '{"config":{"digest":"sha256:c0"},"layers":[{"digest": "sha256:a1"},{"digest":"sha256:b2"}]}' \
  >"$out/manifest.json"
)");
}

TEST(Puller, UnpacksTheAdapterWithWhicheverSecretOpensTheRegistry) {
  const Sandbox sandbox;
  install_skopeo(sandbox);
  sandbox.write("etc/docker-config.d/law-inference-adapter/wrong.json", "{}");
  sandbox.write("etc/docker-config.d/law-inference-adapter/zright.json", "SECRET");
  ASSERT_EQ(sandbox.run(puller_script()), 0) << sandbox.read("log");
  // The later layer wins; what is not below /data stays out.
  EXPECT_EQ(sandbox.read("mnt/adapter/law/adapter_config.json"), "two\n");
  EXPECT_FALSE(fs::exists(sandbox.path() / "mnt/adapter/law/other"));
  EXPECT_THAT(sandbox.read("calls"), HasSubstr("copy docker://docker.io/org/law:latest dir:"));
  // A restarted init container starts again from the top.
  EXPECT_EQ(sandbox.run(puller_script()), 0);
}

TEST(Puller, FailsLoudlyWithoutAccess) {
  const Sandbox sandbox;
  install_skopeo(sandbox);
  EXPECT_NE(sandbox.run(puller_script()), 0);
  EXPECT_THAT(sandbox.read("log"), HasSubstr("cannot pull docker.io/org/law:latest"));
}

Json tuning_pod() {
  const ServingFixture fixture(workspace_document("tune", "", [](Json& d) {
    d["tuning"] = {{"preset", {{"name", "phi-4"}}}, {"method", "lora"}};
    d["tuning"]["input"]["urls"] =
        Json::array({"https://e.org/a.parquet?x=*", "http://e.org/b.parquet"});
    d["tuning"]["output"] = {{"image", "r.io/out:1"}, {"imagePushSecret", "push"}};
  }));
  return render_tuning_job(fixture.request()).value()["spec"]["template"]["spec"];
}

TEST(Pusher, PacksTheAdapterAsAnImageThatThePullerUnderstands) {
  const Sandbox sandbox;
  sandbox.program("oras", R"(echo "$@" >"$SANDBOX/calls"
cp config.json "$SANDBOX/config.json"; gzip -dc layer.tar.gz | tar -tf - >"$SANDBOX/list"
)");
  for (const char* name :
       {"fine_tuning_completed.txt", "adapter_config.json", "adapter_model.safetensors"}) {
    sandbox.write(fs::path("mnt/results") / name, name);
  }
  ASSERT_EQ(sandbox.run(script_of(tuning_pod()["containers"][1])), 0) << sandbox.read("log");
  EXPECT_THAT(sandbox.read("list"), HasSubstr("data/adapter_model.safetensors\n"));
  EXPECT_THAT(sandbox.read("calls"),
              HasSubstr("--annotation sh.kaito.model.name=phi-4 r.io/out:1 layer.tar.gz:"));
  const auto config = codec::parse_json(sandbox.read("config.json"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ((*config)["rootfs"]["diff_ids"][0].get<std::string>().size(), 7U + 64U);
}

// Otherwise a failed training would keep its Job, and its GPU, for ever.
TEST(Pusher, EndsWhenTrainingEndsWithoutAResult) {
  const Sandbox sandbox;
  sandbox.program("sleep", "exit 0");
  sandbox.program("pgrep", R"([ ! -f "$SANDBOX/seen" ] && touch "$SANDBOX/seen")");
  EXPECT_EQ(sandbox.run(script_of(tuning_pod()["containers"][1])), 1);
  EXPECT_THAT(sandbox.read("log"), HasSubstr("training ended without a result"));
}

TEST(Downloader, FetchesEachUrlAsItIs) {
  const Sandbox sandbox;
  sandbox.program("curl", R"(for last in "$@"; do :; done; echo "$last" >>"$SANDBOX/calls")");
  const Json init = tuning_pod()["initContainers"][1];
  fs::create_directories(sandbox.path() / "mnt/data");
  ASSERT_EQ(sandbox.run("DATA_VOLUME_PATH=/mnt/data DATA_URLS='" +
                        codec::string_or(init["env"][0], "value", "") + "'\n" + script_of(init)),
            0)
      << sandbox.read("log");
  EXPECT_EQ(sandbox.read("calls"), "https://e.org/a.parquet?x=*\nhttp://e.org/b.parquet\n");
}

TEST(NormalizedImage, NamesRegistryAndTag) {
  for (const auto& [given, full] :
       {std::pair("law", "docker.io/library/law:latest"), std::pair("o/law:1", "docker.io/o/law:1"),
        std::pair("r.io/law", "r.io/law:latest"), std::pair("localhost/a", "localhost/a:latest"),
        std::pair("r:5000/a/b", "r:5000/a/b:latest"),
        std::pair("r.io/a@sha256:ab", "r.io/a@sha256:ab")}) {
    EXPECT_EQ(detail::normalized_image(given), full);
  }
}

}  // namespace
}  // namespace rage::op
