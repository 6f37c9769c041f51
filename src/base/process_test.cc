#include "base/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/files.h"
#include "base/strings.h"

namespace rage {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

class Process : public ::testing::Test {
 protected:
  // Runs a shell script to its end and returns what it printed on both streams.
  std::string output_of(std::string script, ProcessOptions options = {}) {
    options.argv = {"sh", "-c", std::move(script)};
    options.log_file = directory_->path() / "log";
    auto child = ChildProcess::spawn(options);
    EXPECT_TRUE(child) << child.error().message;
    status_ = *(*child)->wait();
    return read_file(options.log_file, 1 << 20).value_or("");
  }

  std::unique_ptr<TemporaryDirectory> directory_ =
      TemporaryDirectory::create("rage-process-").value();
  ExitStatus status_;
};

TEST_F(Process, RunsInItsDirectoryWithItsEnvironmentAndLogsBothStreams) {
  const std::string text =
      output_of("pwd; echo $COLOUR >&2; exit 3",
                {.environment = {{"COLOUR", "red"}}, .working_directory = "/usr"});
  EXPECT_EQ(text, "/usr\nred\n");
  EXPECT_EQ(status_.code, 3);
  EXPECT_EQ(describe(status_), "exit code 3");
}

TEST_F(Process, AddedVariablesReplaceOursAndTheRestStays) {
  ::setenv("RAGE_PROCESS_TEST", "ours", 1);
  EXPECT_EQ(output_of("echo $RAGE_PROCESS_TEST-$HOME", {.environment = {{"HOME", "/there"}}}),
            "ours-/there\n");
}

// A repository that is larger than it should be must not fill the disk.
// A pod's program must not see the tokens in its node's environment.
TEST_F(Process, AnEnvironmentOfItsOwnHasNothingOfOurs) {
  ::setenv("RAGE_PROCESS_TEST", "ours", 1);
  EXPECT_EQ(
      output_of("echo $RAGE_PROCESS_TEST-$COLOUR",
                {.environment = {{"COLOUR", "red"}}, .inherit = ProcessOptions::Inherit::kNothing}),
      "-red\n");
  ::unsetenv("RAGE_PROCESS_TEST");
}

TEST_F(Process, ReadsItsInputAndWritesNoFileBeyondItsLimit) {
  const auto input = directory_->path() / "input";
  ASSERT_TRUE(write_file_atomically(input, "hello"));
  const int fd = ::open(input.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(output_of("cat", {.stdin_fd = fd}), "hello");
  ::close(fd);
  const auto large = directory_->path() / "large";
  output_of("exec head -c 100000 /dev/zero > " + large.string(), {.file_bytes_max = 1000});
  EXPECT_NE(status_.code, 0);
  EXPECT_LE(std::filesystem::file_size(large), 1000U);
}

// A converter of files that strangers wrote may not take the machine with it.
TEST_F(Process, MemoryTimeAndNetworkHaveLimits) {
  EXPECT_EQ(output_of("ulimit -v; ulimit -t; grep -c : /proc/net/dev > " +
                          (directory_->path() / "interfaces").string(),
                      {.memory_bytes_max = std::uint64_t{1} << 30,
                       .cpu_seconds_max = 7,
                       .network = ProcessOptions::Network::kNone}),
            "1048576\n7\n");
  if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "no network namespaces here";
  EXPECT_EQ(read_file(directory_->path() / "interfaces", 100).value_or(""), "1\n");  // Loopback.
}

// A wrong path in a configuration must name the path, not show up later as a dead process.
TEST_F(Process, MissingProgramIsAnErrorOfSpawnThatNamesIt) {
  const auto absolute = ChildProcess::spawn({.argv = {"/nowhere/llama-server"}});
  ASSERT_FALSE(absolute);
  EXPECT_EQ(absolute.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(absolute.error().message, HasSubstr("/nowhere/llama-server"));
  const auto bare = ChildProcess::spawn({.argv = {"no-such-program-anywhere"}});
  ASSERT_FALSE(bare);
  EXPECT_EQ(bare.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(bare.error().message, HasSubstr("no-such-program-anywhere"));
}

TEST_F(Process, OtherReasonsNotToStartAreToldApart) {
  const auto plain = directory_->path() / "plain";
  ASSERT_TRUE(write_file_atomically(plain, "not a program"));
  EXPECT_EQ(ChildProcess::spawn({.argv = {plain.string()}}).error().code,
            ErrorCode::kPermissionDenied);
  const auto elsewhere = ChildProcess::spawn({.argv = {"true"}, .working_directory = "/nowhere"});
  EXPECT_EQ(elsewhere.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(elsewhere.error().message, HasSubstr("/nowhere"));
  EXPECT_EQ(ChildProcess::spawn({.argv = {}}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ChildProcess::spawn({.argv = {"true"}, .log_file = "/nowhere/log"}).error().code,
            ErrorCode::kNotFound);
}

// A child that holds our listening socket would keep the port taken after we are gone.
TEST_F(Process, DescriptorsOfOursDoNotLeakEvenWithoutCloseOnExec) {
  const int leaky = ::open("/dev/null", O_RDONLY);
  ASSERT_GE(leaky, 0);
  const int high = ::fcntl(leaky, F_DUPFD, 77);
  const std::string open_files = output_of("ls /proc/self/fd");
  ::close(high);
  ::close(leaky);
  EXPECT_THAT(open_files, HasSubstr("0\n1\n2\n"));
  EXPECT_THAT(open_files, Not(HasSubstr("77")));
}

TEST_F(Process, TerminateAsksPolitelyFirst) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  auto child = ChildProcess::spawn(
      {.argv = {"sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done"},
       .stdout_fd = ends[1]});
  ASSERT_TRUE(child);
  char byte = 0;
  ASSERT_EQ(::read(ends[0], &byte, 1), 1);  // The trap is set.
  EXPECT_TRUE((*child)->running());
  EXPECT_FALSE((*child)->wait(std::chrono::steady_clock::now()));
  EXPECT_EQ((*child)->terminate(milliseconds(10'000)).code, 7);
  EXPECT_FALSE((*child)->running());
  ::close(ends[0]);
  ::close(ends[1]);
}

// A program that ignores SIGTERM must not survive `rage down`, nor may its children.
TEST_F(Process, TerminateKillsTheWholeGroupAfterTheGrace) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  auto child =
      ChildProcess::spawn({.argv = {"sh", "-c", "trap '' TERM; sleep 600 & echo ready; sleep 600"},
                           .stdout_fd = ends[1]});
  ASSERT_TRUE(child);
  ::close(ends[1]);
  char text[8];
  ASSERT_GT(::read(ends[0], text, sizeof(text)), 0);
  const ExitStatus status = (*child)->terminate(milliseconds(1));
  EXPECT_EQ(status.signal, SIGKILL);
  EXPECT_THAT(describe(status), HasSubstr("killed by signal 9"));
  // The sleeper held the pipe's other end: end of file proves that it is gone.
  EXPECT_EQ(::read(ends[0], text, sizeof(text)), 0);
  ::close(ends[0]);
}

TEST_F(Process, DestructionLeavesNoProcessBehind) {
  pid_t pid = 0;
  {
    auto child = ChildProcess::spawn({.argv = {"sleep", "600"}});
    ASSERT_TRUE(child);
    pid = (*child)->pid();
    EXPECT_EQ(::getpgid(pid), pid);
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

// Masks are inherited: a server that waits for signals in one thread would start deaf children.
TEST_F(Process, BlockedSignalsAreNotInherited) {
  sigset_t blocked, before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  auto child = ChildProcess::spawn({.argv = {"sleep", "600"}});
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(child);
  EXPECT_EQ((*child)->terminate(milliseconds(10'000)).signal, SIGTERM);
}

TEST_F(Process, ChildOutlivesTheThreadThatSpawnedIt) {
  std::unique_ptr<ChildProcess> child;
  std::jthread([&] { child = ChildProcess::spawn({.argv = {"sleep", "600"}}).value(); }).join();
  EXPECT_FALSE(child->wait(std::chrono::steady_clock::now() + milliseconds(20)));
}

// The parent of the next test, in a process of its own.
TEST(ProcessParent, DISABLED_SpawnsAndWaits) {
  const auto child = ChildProcess::spawn({.argv = {"sh", "-c", "echo READY; exec sleep 600"}});
  ASSERT_TRUE(child);
  (*child)->wait();
}

// `kill -9` of the parent must not leave a model server holding memory and port.
TEST_F(Process, ChildDiesWithItsParent) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  auto parent = ChildProcess::spawn({.argv = {"/proc/self/exe", "--gtest_also_run_disabled_tests",
                                              "--gtest_filter=ProcessParent.*"},
                                     .stdout_fd = ends[1]});
  ::close(ends[1]);
  ASSERT_TRUE(parent) << parent.error().message;
  std::string seen;
  char block[4096];
  for (ssize_t got = 1; got > 0 && seen.find("READY\n") == std::string::npos;) {
    got = ::read(ends[0], block, sizeof(block));
    if (got > 0) seen.append(block, static_cast<std::size_t>(got));
  }
  ASSERT_THAT(seen, HasSubstr("READY\n"));
  ::kill((*parent)->pid(), SIGKILL);  // The parent alone, not its group.
  // Parent and grandchild held the other end: end of file proves that both are gone.
  while (::read(ends[0], block, sizeof(block)) > 0) {
  }
  ::close(ends[0]);
}

}  // namespace
}  // namespace rage
