// `rage backup` and `rage restore`.
#include "rag/backup.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "base/strings.h"
#include "codec/uri.h"
#include "index_commands.h"
#include "net/http_client.h"
#include "rag_connection.h"
#include "rag_environment.h"
#include "subcommands.h"
#include "vector_store_option.h"

namespace rage::app {
namespace {

namespace fs = std::filesystem;

struct BackupFlags {
  std::vector<std::string> words;  // Indexes, and the file last.
  std::string data = "storage";
  bool all = false;
};

struct RestoreFlags {
  std::string file;
  std::vector<std::string> indexes;
  std::string data = "storage";
  bool overwrite = false;
  bool verify_only = false;
  bool through_service = false;
  RagConnection service;
};

void add_data(CLI::App& command, std::string& data) {
  command.add_option("--data", data, "Directory of the indexes, as `rage rag` has it")
      ->envname("DEFAULT_VECTOR_DB_PERSIST_DIR")
      ->capture_default_str();
}

// A copy of what a data directory still holds of old would be taken for one of the service's.
Result<void> check_built_in_store() {
  const std::string type = process_environment("VECTOR_DB_TYPE");
  if (is_built_in_store(type)) return {};
  return fail(ErrorCode::kUnimplemented,
              "VECTOR_DB_TYPE={}: the indexes are not below a data directory. Back up the database "
              "with its own tools, PostgreSQL with pg_dump; or have the service persist each index "
              "(POST /persist/NAME). Indexes below a directory: unset VECTOR_DB_TYPE",
              type);
}

Result<void> run_backup(BackupFlags flags) {
  RETURN_IF_ERROR(check_built_in_store());
  const std::string file = flags.words.back();
  flags.words.pop_back();
  if (flags.all != flags.words.empty()) {
    return fail(ErrorCode::kInvalidArgument, "name the indexes and then the file, or give --all");
  }
  ASSIGN_OR_RETURN(const auto report,
                   rag::write_backup(flags.data, flags.words, file, SystemClock().wall_now()));
  for (const rag::BackedUpIndex& index : report.indexes) {
    fmt::print("{}: {} bytes\n", index.name, index.bytes);
  }
  for (const std::string& failure : report.failures) fmt::print(stderr, "failed: {}\n", failure);
  if (report.failures.empty()) return {};
  return fail(ErrorCode::kDataLoss, "{} of the indexes are not in the backup; the others are",
              report.failures.size());
}

Result<std::vector<rag::BackedUpIndex>> choose(std::vector<rag::BackedUpIndex> all,
                                               const std::vector<std::string>& wanted) {
  if (wanted.empty()) return all;
  std::vector<rag::BackedUpIndex> chosen;
  for (const std::string& name : wanted) {
    const auto found = std::ranges::find(all, name, &rag::BackedUpIndex::name);
    if (found == all.end()) {
      return fail(ErrorCode::kNotFound, "the backup holds no index '{}'", name);
    }
    chosen.push_back(*found);
  }
  return chosen;
}

// The service replaces each index in one transaction, and answers meanwhile.
Result<void> restore_through_service(const RestoreFlags& flags,
                                     const std::vector<rag::BackedUpIndex>& indexes) {
  const auto transport = net::make_http_transport();
  ASSIGN_OR_RETURN(auto options, flags.service.options());
  cli::RagClient client(*transport, std::move(options));
  const std::string name = "restore-" + random_uuid();
  const fs::path folder = fs::path(flags.data) / name;
  for (const rag::BackedUpIndex& index : indexes) {
    Result<void> done = rag::extract_index(flags.file, index, folder);
    if (done) {
      const auto loaded =
          client.post(Context{},
                      fmt::format("/load/{}?path={}&overwrite={}",
                                  codec::percent_encode(index.name), name, flags.overwrite),
                      codec::Json::object());
      if (!loaded) done = fail(loaded.error());
    }
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    if (!done) return fail(Error(done.error()).with_context("index '" + index.name + "'"));
  }
  return {};
}

Result<void> run_restore(const RestoreFlags& flags) {
  ASSIGN_OR_RETURN(auto all, rag::verify_backup(flags.file));
  ASSIGN_OR_RETURN(const auto indexes, choose(std::move(all), flags.indexes));
  if (!flags.verify_only && flags.through_service) {
    RETURN_IF_ERROR(restore_through_service(flags, indexes));
  } else if (!flags.verify_only) {
    RETURN_IF_ERROR(check_built_in_store());
    auto restored = rag::restore_offline(flags.file, indexes, flags.data, flags.overwrite);
    if (!restored && restored.error().code == ErrorCode::kFailedPrecondition) {
      return fail(ErrorCode::kFailedPrecondition,
                  "a service uses {}: give its address with --server, and it takes the indexes "
                  "while it answers; or stop it",
                  flags.data);
    }
    RETURN_IF_ERROR(restored);
  }
  for (const rag::BackedUpIndex& index : indexes) {
    fmt::print("{}: {} bytes, {}\n", index.name, index.bytes, index.embedder);
  }
  return {};
}

}  // namespace

void add_backup(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("backup", "Copy indexes into one file, while they are read and written");
  auto flags = std::make_shared<BackupFlags>();
  command->add_option("words", flags->words, "Names of indexes, and the file to write last")
      ->required();
  command->add_flag("--all", flags->all, "All indexes");
  add_data(*command, flags->data);
  command->footer(
      "Runs beside the service, on its data directory; each index is as it was at one moment.\n"
      "The file is a tar of SQLite databases, with their checksums.\n"
      "Examples:\n"
      "  rage backup --all /backups/rag.tar --data ./storage\n"
      "  rage backup handbook handbook.tar\n"
      "  kubectl exec deploy/rag -- rage backup --all /mnt/data/rag.tar");
  command->callback([=, &exit_code] { exit_code = exit_code_of(run_backup(*flags)); });
}

void add_restore(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("restore", "Put indexes back from what `backup` wrote");
  auto flags = std::make_shared<RestoreFlags>();
  command->add_option("file", flags->file, "The backup")->required();
  command->add_option("indexes", flags->indexes, "Names of indexes; none: all of the backup");
  add_data(*command, flags->data);
  command->add_flag("--overwrite", flags->overwrite, "Replace indexes that exist");
  command->add_flag("--verify", flags->verify_only, "Only check the backup and say what it holds");
  flags->service.add_to(*command);
  command->footer(
      "Every checksum is compared before anything is written. With a service that uses the data\n"
      "directory, --server hands it the indexes: it answers meanwhile, and takes each whole.\n"
      "Examples:\n"
      "  rage restore /backups/rag.tar --verify\n"
      "  rage restore /backups/rag.tar --data ./storage\n"
      "  rage restore rag.tar handbook --overwrite --data ./storage --server "
      "http://127.0.0.1:5000");
  command->callback([=, &exit_code] {
    flags->through_service = command->count("--server") > 0;
    exit_code = exit_code_of(run_restore(*flags));
  });
}

}  // namespace rage::app
