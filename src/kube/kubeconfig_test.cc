#include "kube/kubeconfig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>
#include <utility>

#include "base/base64.h"
#include "base/files.h"
#include "codec/json.h"
#include "kube/detail/base64.h"
#include "kube/detail/in_cluster.h"
#include "kube/detail/token_sources.h"
#include "kube/scripted_transport_for_test.h"

namespace rage::kube {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class KubeconfigTest : public testing::Test {
 protected:
  static std::string config(const std::string& cluster, const std::string& user) {
    return "current-context: c\n"
           "contexts: [{name: c, context: {cluster: k, user: u, namespace: team}}]\n"
           "clusters: [{name: k, cluster: {" +
           cluster +
           "}}]\n"
           "users: [{name: u, user: {" +
           user + "}}]\n";
  }
  Result<ClientConfig> parse(const std::string& yaml, std::string_view context = {}) {
    return parse_kubeconfig(yaml, context, directory_->path().string(), clock_);
  }
  // Of a user with that exec section.
  Result<ClientConfig> parse_exec(const std::string& exec) {
    return parse(config("server: 'https://h'",
                        "exec: {apiVersion: client.authentication.k8s.io/v1, " + exec + "}"));
  }
  void write(const std::string& name, std::string_view text) {
    std::ofstream(directory_->path() / name) << text;
    ::chmod((directory_->path() / name).c_str(), 0755);
  }
  std::string path(const std::string& name) { return (directory_->path() / name).string(); }

  SkippingClock clock_;
  const std::unique_ptr<TemporaryDirectory> directory_ =
      *TemporaryDirectory::create("kubeconfig_test");
};

TEST_F(KubeconfigTest, ReadsServerTrustAndIdentity) {
  write("ca.pem", "CA");
  write("key.pem", "KEY");
  const auto parsed = parse(
      config("server: 'https://h:6443/', certificate-authority: ca.pem, tls-server-name: name",
             "client-certificate-data: Q0VSVA==, client-key: " + path("key.pem")));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->server, "https://h:6443");
  EXPECT_EQ(parsed->default_namespace, "team");
  EXPECT_EQ(parsed->tokens, nullptr);
  EXPECT_EQ(parsed->tls->ca_pem, "CA");
  EXPECT_EQ(parsed->tls->server_name, "name");
  EXPECT_EQ(parsed->tls->certificate_pem, "CERT");
  EXPECT_EQ(parsed->tls->key_pem, "KEY");
  const auto token =
      parse(config("server: 'http://h', insecure-skip-tls-verify: true", "token: t"));
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_TRUE(token->tls->insecure_skip_verify);
  EXPECT_EQ(token->tokens->token({}).value_or(""), "t");
}

TEST_F(KubeconfigTest, RefusesWhatItDoesNotUnderstand) {
  const std::string server = "server: 'https://h'";
  const std::pair<std::string, const char*> cases[] = {
      {"", "no current-context"},
      {"[1]", "no current-context"},
      {"a: [", "not valid YAML"},
      {"current-context: c", "no 'c' in contexts"},
      {config("server: ftp://h", ""), "'ftp://h' is no server"},
      {config(server + ", proxy-url: 'http://p'", ""), "proxy-url"},
      {config(server + ", certificate-authority: missing", ""), "no file"},
      {config(server + ", certificate-authority-data: '*'", ""), "not base64"},
      {config(server + ", insecure-skip-tls-verify: true, certificate-authority-data: QQ==", ""),
       "exclude each other"},
      {config(server, "client-key-data: QQ=="), "need each other"},
      {config(server, "username: a, password: b"), "'username' is not supported"},
      {config(server, "as: somebody"), "'as' is not supported"},
      {config(server, "exec: {apiVersion: v1, command: x}"), "apiVersion 'v1'"},
      {config(server, "exec: {apiVersion: client.authentication.k8s.io/v1}"), "no command"},
      {config(server,
              "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, "
              "interactiveMode: Always}"),
       "wants a terminal"},
      {config(server,
              "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, "
              "env: [{name: 'a=b', value: c}]}"),
       "bad environment"},
  };
  for (const auto& [yaml, message] : cases) {
    const auto parsed = parse(yaml);
    ASSERT_FALSE(parsed) << yaml;
    EXPECT_THAT(parsed.error().message, HasSubstr(message)) << yaml;
  }
  EXPECT_THAT(parse(config(server, ""), "other").error().message, HasSubstr("it has: c"));
}

TEST_F(KubeconfigTest, ReadsTokenFilesAgain) {
  write("token", "one\n");
  const auto parsed = parse(config("server: 'https://h'", "tokenFile: token, token: ignored"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  TokenSource& tokens = *parsed->tokens;
  EXPECT_EQ(tokens.token({}).value_or(""), "one");
  write("token", "two");
  clock_.advance(59s);
  EXPECT_EQ(tokens.token({}).value_or(""), "one");
  clock_.advance(1s);
  EXPECT_EQ(tokens.token({}).value_or(""), "two");
  write("token", "three");
  tokens.invalidate();
  EXPECT_EQ(tokens.token({}).value_or(""), "three");
  std::filesystem::remove(path("token"));
  tokens.invalidate();
  EXPECT_EQ(tokens.token({}).value_or(""), "three");  // It may be back in a moment.
}

TEST_F(KubeconfigTest, FindsThePodsServiceAccount) {
  const auto in_pod = [&](std::string_view host) {
    return detail::in_cluster_config(host, "443", directory_->path(), clock_);
  };
  EXPECT_EQ(in_pod("").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(in_pod("10.0.0.1").error().code, ErrorCode::kNotFound);
  write("token", "t");
  write("ca.crt", "CA");
  write("namespace", "ns\n");
  const auto config = in_pod("10.0.0.1");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server, "https://10.0.0.1:443");
  EXPECT_EQ(config->tls->ca_pem, "CA");
  EXPECT_EQ(config->default_namespace, "ns");
  EXPECT_EQ(config->tokens->token({}).value_or(""), "t");
  EXPECT_EQ(in_pod("fd00::1")->server, "https://[fd00::1]:443");
}

TEST_F(KubeconfigTest, LoadsTheFileItIsGiven) {
  write("config", config("server: 'https://h', certificate-authority: ca", ""));
  write("ca", "CA");
  const auto loaded = load_client_config({.path = path("config")}, clock_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->tls->ca_pem, "CA");
  const auto missing = load_client_config({.path = path("missing")}, clock_);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr(path("missing")));
}

TEST_F(KubeconfigTest, RunsPluginsUntilWhatTheyGaveExpires) {
  // Each run gives another token, valid for a minute of a clock that starts in 1970.
  write("plugin", R"(#!/bin/sh
printf x >> "$COUNT"
read -r n < "$COUNT"
printf '%s' "$KUBERNETES_EXEC_INFO" > "$COUNT.info"
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",'
echo '"status":{"clientCertificateData":"C","clientKeyData":"K",'
echo '"expirationTimestamp":"1970-02-11T16:01:00+00:00","token":"'$1$n'"}}'
)");
  const auto parsed = parse(
      config("server: 'https://h', certificate-authority-data: Q0E=",
             "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [t], "
             "provideClusterInfo: true, env: [{name: COUNT, value: " +
                 path("count") + "}]}"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  TokenSource& tokens = *parsed->tokens;
  const auto token = tokens.token({});
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(*token, "tx");
  ASSERT_NE(tokens.tls(), nullptr);
  EXPECT_EQ(tokens.tls()->certificate_pem, "C");
  EXPECT_EQ(tokens.tls()->ca_pem, "CA");
  EXPECT_EQ(read_file(path("count.info"), 1000).value_or(""),
            R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",)"
            R"("spec":{"interactive":false,"cluster":{"server":"https://h",)"
            R"("certificate-authority-data":"Q0E="}}})");
  EXPECT_EQ(tokens.token({}).value_or(""), "tx");
  tokens.invalidate();
  EXPECT_EQ(tokens.token({}).value_or(""), "txx");
  clock_.advance(55s);
  EXPECT_EQ(tokens.token({}).value_or(""), "txxx");
}

Error error_of_plugin(const std::string& script, std::chrono::milliseconds timeout = 10s) {
  SkippingClock clock;
  const detail::ExecPlugin plugin{.api_version = "client.authentication.k8s.io/v1",
                                  .argv = {"/bin/sh", "-c", script},
                                  .install_hint = "install it",
                                  .timeout = timeout,
                                  .output_bytes_max = 100};
  auto token = detail::make_exec_token(plugin, nullptr, clock)->token({});
  return token ? Error{} : std::move(token).error();
}

// A plug-in that hangs or floods must not take the operator with it.
TEST_F(KubeconfigTest, BoundsPlugins) {
  EXPECT_EQ(error_of_plugin("sleep 60", 20ms).code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(error_of_plugin("exec yes").code, ErrorCode::kResourceExhausted);
}

TEST_F(KubeconfigTest, SaysWhatIsWrongWithAPlugin) {
  EXPECT_EQ(error_of_plugin("exit 3").code, ErrorCode::kUnauthenticated);
  const Error lies = error_of_plugin("echo nothing");
  EXPECT_EQ(lies.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(lies.message, HasSubstr("printed no ExecCredential; install it"));
  EXPECT_EQ(parse_exec("command: /nowhere")->tokens->token({}).error().code, ErrorCode::kNotFound);
}

TEST(ExecCredentialTest, ReadsWhatPluginsPrint) {
  const std::string version = "client.authentication.k8s.io/v1beta1";
  const auto parse = [&](const std::string& status) {
    return detail::parse_exec_credential(
        R"({"kind":"ExecCredential","apiVersion":")" + version + R"(","status":)" + status + "}",
        version);
  };
  EXPECT_EQ(parse(R"({"token":"t"})")->token, "t");
  for (const char* status :
       {"{}", "[]", "null", R"({"token":1})", R"({"token":"t","clientKeyData":"k"})",
        R"({"clientCertificateData":"c"})", R"({"token":"t","expirationTimestamp":"soon"})"}) {
    EXPECT_EQ(parse(status).error().code, ErrorCode::kInvalidArgument) << status;
  }
  EXPECT_FALSE(detail::parse_exec_credential(R"({"kind":"ExecCredential","apiVersion":"x"})", "y"));
}

TEST(Rfc3339Test, ReadsTimes) {
  const auto seconds = [](std::string_view text) {
    const auto time = detail::parse_rfc3339(text);
    return time ? unix_seconds(*time) : -1;
  };
  EXPECT_EQ(seconds("1970-01-01T00:01:00Z"), 60);
  EXPECT_EQ(seconds("2025-01-31T08:15:00.25Z"), 1738311300);
  EXPECT_EQ(seconds("2025-01-31T09:45:00+01:30"), 1738311300);
  EXPECT_EQ(seconds("2025-01-31T06:15:00-02:00"), 1738311300);
  EXPECT_GT(seconds("9999-12-31T23:59:59Z"), 7'000'000'000);  // Kept within what a clock can hold.
  EXPECT_LT(seconds("0001-01-01T00:00:00Z"), 60);
  for (const char* bad : {"", "2025-01-31", "2025-01-31T08:15:00", "2025-01-31T08:15:00+", "x",
                          "2025-01-31T08:15:00Zx"}) {
    EXPECT_EQ(seconds(bad), -1) << bad;
  }
}

TEST(Base64Test, DecodesAndEncodes) {
  for (const char* text : {"", "f", "fo", "foo", "foob", "fooba", "foobar", "\xff\xfe\x00"}) {
    EXPECT_EQ(detail::base64_decode(encode_base64(text)), text);
  }
  EXPECT_EQ(encode_base64("foob"), "Zm9vYg==");
  EXPECT_EQ(detail::base64_decode("Zm9v\n Yg"), "foob");
  for (const char* bad : {"Z", "Zm9vY===", "Zg=", "Zg==Zg==", "Z-==", "=", "Zm9v="}) {
    EXPECT_EQ(detail::base64_decode(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace rage::kube
