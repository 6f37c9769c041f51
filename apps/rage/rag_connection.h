// How a command reaches the RAG service: where it is, with which key, whom to trust.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/rag_client.h"

namespace rage::app {

struct RagConnection {
  std::string server = "http://127.0.0.1:8300";
  std::string api_key;
  std::string ca_file;
  bool insecure = false;

  // `names`: of the option for the address.
  void add_to(CLI::App& command, const char* names = "--server");
  // kNotFound if the file of certificates is not there.
  Result<cli::RagClientOptions> options() const;
};

}  // namespace rage::app
