#include "net/detail/curl_transfer.h"

#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <stop_token>
#include <utility>

#include "base/strings.h"
#include "net/addresses.h"
#include "obs/span.h"
#include "obs/trace_context.h"

namespace rage::net::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr long kRedirectsMax = 10;
constexpr milliseconds kPollMax{1000};

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

bool append(HeaderList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) return false;
  (void)list.release();
  list.reset(longer);
  return true;
}

bool is_trace_header(std::string_view name) {
  return equals_ignoring_case(name, "traceparent") || equals_ignoring_case(name, "tracestate");
}

HeaderList header_list(const Headers& headers) {
  HeaderList list;
  bool complete = true;
  const auto& trace = obs::current_span().context();
  for (const auto& [name, value] : headers.entries()) {
    if (trace && is_trace_header(name)) continue;  // Ours says who asks here.
    // ';' is how libcurl is told of a header with an empty value.
    const std::string line = value.empty() ? name + ";" : name + ": " + value;
    complete = complete && append(list, line);
  }
  if (trace) {
    complete = complete && append(list, "traceparent: " + obs::render_traceparent(*trace));
    if (!trace->state.empty()) complete = complete && append(list, "tracestate: " + trace->state);
  }
  // libcurl would wait a second for "100 Continue" before large bodies, and
  // call any body a form.
  if (!headers.has("expect")) complete = complete && append(list, "Expect:");
  if (!headers.has("content-type")) complete = complete && append(list, "Content-Type:");
  return complete ? std::move(list) : nullptr;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// What the callbacks of one transfer share; they run on the thread of
// CurlHandle::run().
struct Transfer {
  const Context& context;
  const ClientRequest& request;
  const std::function<bool(const HttpResponse&)>& on_head;
  const std::function<bool(std::string_view)>& on_bytes;
  HttpResponse head{.status = 0};
  bool head_delivered = false;
  bool ended_by_caller = false;
  bool callback_threw = false;
  bool interrupted = false;  // By the context.
  bool peer_refused = false;
  curl_off_t moved = 0;
  steady_clock::time_point last_byte_at = steady_clock::now();

  // libcurl goes on for as long as data is there, and with a server that floods us that is for
  // ever: drive() alone would not see that there is no point in going on.
  bool goes_on() {
    interrupted = !context.check();
    return !interrupted;
  }

  // False if the caller wants no more.
  bool deliver_head() {
    if (head_delivered) return true;
    head_delivered = true;
    ended_by_caller = !on_head(head);
    return !ended_by_caller;
  }

  bool take_header_line(std::string_view line) {
    last_byte_at = steady_clock::now();
    if (!goes_on()) return false;
    if (head_delivered) return true;  // A trailer.
    line = trim(line);
    if (line.empty()) return end_head();
    if (line.starts_with("HTTP/")) {  // Of an interim reply, a redirect or the reply itself.
      const std::size_t space = line.find(' ');
      const auto code =
          space == std::string_view::npos ? std::nullopt : parse_uint(line.substr(space + 1, 3));
      head = HttpResponse{.status = static_cast<int>(code.value_or(0))};
      return true;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return true;
    head.headers.add(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
    return true;
  }

  bool end_head() {
    if (head.status < 200) return true;
    const bool followed =
        request.follow_redirects && is_redirect(head.status) && head.headers.has("location");
    return followed || deliver_head();
  }

  bool take_body(std::string_view bytes) {
    last_byte_at = steady_clock::now();
    if (!goes_on() || !deliver_head()) return false;
    ended_by_caller = !on_bytes(bytes);
    return !ended_by_caller;
  }

  // No exception may cross libcurl's frames.
  template <class F>
  bool guarded(F&& body) {
    try {
      return body();
    } catch (...) {
      callback_threw = true;
      return false;
    }
  }
};

std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line(bytes, size * count);
  return transfer.guarded([&] { return transfer.take_header_line(line); }) ? line.size() : 0;
}

std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view body(bytes, size * count);
  return transfer.guarded([&] { return transfer.take_body(body); }) ? body.size() : 0;
}

int on_progress(void* user, curl_off_t, curl_off_t down, curl_off_t, curl_off_t up) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (std::exchange(transfer.moved, down + up) != down + up) {
    transfer.last_byte_at = steady_clock::now();
  }
  return 0;
}

// The address is the one the connection goes to, so no trick with names gets around this.
curl_socket_t on_open_socket(void* user, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.request.peers == Peers::kNotLocal && is_local_address(address->addr)) {
    transfer.peer_refused = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void set_method(CURL* easy, const ClientRequest& request) {
  if (!request.body.empty() || request.method == "POST") {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    if (request.method == "POST") return;
  } else if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return;
  } else if (request.method == "GET") {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    return;
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void configure(CURL* easy, const ClientRequest& request, const std::string& no_proxy,
               curl_slist* headers, Transfer* transfer) {
  curl_easy_reset(easy);  // Keeps connections, sessions and names resolved.
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "rage");
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_NOPROXY, no_proxy.c_str());
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, request.follow_redirects ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, kRedirectsMax);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(std::max<std::int64_t>(request.connect_timeout.count(), 1)));
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 64L << 10);
  // A watch may be silent for minutes; a server that is gone must not look like that.
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 20L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
  set_method(easy, request);
}

void set_pem(CURL* easy, CURLoption option, const std::string& pem) {
  if (pem.empty()) return;
  curl_blob blob{.data = const_cast<char*>(pem.data()),  // Copied, not written to.
                 .len = pem.size(),
                 .flags = CURL_BLOB_COPY};
  curl_easy_setopt(easy, option, &blob);
}

void configure_tls(CURL* easy, const TlsOptions& tls) {
  if (!tls.ca_pem.empty()) {
    set_pem(easy, CURLOPT_CAINFO_BLOB, tls.ca_pem);
    // The system's folder of certificates would stay trusted beside it.
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  if (!tls.certificate_pem.empty()) {
    curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM");
    curl_easy_setopt(easy, CURLOPT_SSLKEYTYPE, "PEM");
    set_pem(easy, CURLOPT_SSLCERT_BLOB, tls.certificate_pem);
    set_pem(easy, CURLOPT_SSLKEY_BLOB, tls.key_pem);
  }
  if (tls.insecure_skip_verify) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
}

std::string part_of(CURLU* url, CURLUPart part, unsigned flags) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  std::string copy = text;
  curl_free(text);
  return copy;
}

// libcurl checks the name in the URL, so that name goes there, and the connection is told to go
// where the URL said before. The list must live as long as the transfer.
Result<HeaderList> check_name_instead(CURL* easy, const ClientRequest& request) {
  const std::string& name = request.tls->server_name;
  if (name.empty()) return HeaderList();
  const std::unique_ptr<CURLU, UrlDeleter> url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, request.url.c_str(), 0) != CURLUE_OK) {
    return fail(ErrorCode::kInvalidArgument, "bad URL");
  }
  const std::string host = part_of(url.get(), CURLUPART_HOST, 0);
  const std::string port = part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (curl_url_set(url.get(), CURLUPART_HOST, name.c_str(), 0) != CURLUE_OK) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is no TLS server name", name);
  }
  HeaderList list;
  if (!append(list, fmt::format("{}:{}:{}:{}", name, port, host, port))) {
    return fail(ErrorCode::kResourceExhausted, "out of memory");
  }
  curl_easy_setopt(easy, CURLOPT_URL, part_of(url.get(), CURLUPART_URL, 0).c_str());
  curl_easy_setopt(easy, CURLOPT_CONNECT_TO, list.get());
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");  // A proxy would look the name up.
  return list;
}

// The name stays in the URL, for Host and for certificates; only the connection goes elsewhere.
// The list must live as long as the transfer.
Result<HeaderList> connect_to_service(CURL* easy, const ClientRequest& request,
                                      const ServiceNames& names) {
  const std::unique_ptr<CURLU, UrlDeleter> url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, request.url.c_str(), 0) != CURLUE_OK) {
    return fail(ErrorCode::kInvalidArgument, "bad URL");
  }
  const std::string host = part_of(url.get(), CURLUPART_HOST, 0);
  const auto port = parse_uint(part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT)).value_or(0);
  HeaderList list;
  if (port > 65535) return list;
  const auto target = names.find(host, static_cast<std::uint16_t>(port));
  if (!target) return list;
  if (!append(list, fmt::format("{}:{}:{}", host, port, *target))) {
    return fail(ErrorCode::kResourceExhausted, "out of memory");
  }
  curl_easy_setopt(easy, CURLOPT_CONNECT_TO, list.get());
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");  // A proxy would look the name up.
  return list;
}

Error transfer_error(CURLcode code, const Transfer& transfer, std::string_view reason) {
  const auto error = [&](ErrorCode kind, std::string_view what) {
    return Error{.code = kind, .message = fmt::format("{}: {}", what, reason)};
  };
  switch (code) {
    case CURLE_URL_MALFORMAT:
      return error(ErrorCode::kInvalidArgument, "bad URL");
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
      return error(ErrorCode::kInvalidArgument, "bad TLS certificate or key");
    case CURLE_OUT_OF_MEMORY:
      return error(ErrorCode::kResourceExhausted, "HTTP request failed");
    case CURLE_TOO_MANY_REDIRECTS:
      return error(ErrorCode::kFailedPrecondition, "HTTP request failed");
    default:
      break;
  }
  if (transfer.peer_refused) {
    return error(ErrorCode::kPermissionDenied, "the address is local to this host or its network");
  }
  if (transfer.head_delivered) return error(ErrorCode::kDataLoss, "the HTTP response was cut off");
  return error(ErrorCode::kUnavailable, "HTTP request failed");
}

// Waits until the transfer has ended or there is no point in going on.
Result<CURLcode> drive(const Context& context, CURLM* multi, const Transfer& transfer) {
  const milliseconds idle_timeout = transfer.request.idle_timeout;
  while (true) {
    int running = 0;
    const CURLMcode performed = curl_multi_perform(multi, &running);
    if (performed != CURLM_OK) {
      return fail(ErrorCode::kInternal, "HTTP client: {}", curl_multi_strerror(performed));
    }
    if (running == 0) {
      int left = 0;
      const CURLMsg* message = curl_multi_info_read(multi, &left);
      return message == nullptr ? CURLE_FAILED_INIT : message->data.result;
    }
    RETURN_IF_ERROR(context.check());
    const auto idle =
        std::chrono::duration_cast<milliseconds>(steady_clock::now() - transfer.last_byte_at);
    if (idle >= idle_timeout) {
      return fail(ErrorCode::kDeadlineExceeded, "the HTTP server sent nothing for {} ms",
                  idle_timeout.count());
    }
    // A millisecond more, so that the deadline has passed when the wait ends.
    const milliseconds wait =
        context.remaining(std::min(kPollMax, idle_timeout - idle)) + milliseconds(1);
    curl_multi_poll(multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
  }
}

}  // namespace

Result<void> validate_request(const ClientRequest& request) {
  const auto has_control = [](std::string_view text) {
    return std::ranges::any_of(
        text, [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; });
  };
  const auto has_letters_only = [](std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, is_ascii_alpha);
  };
  if (!has_letters_only(request.method)) {
    return fail(ErrorCode::kInvalidArgument, "bad HTTP method");
  }
  for (const auto& [name, value] : request.headers.entries()) {
    // libcurl sends lines as they are: a line break would add headers of
    // somebody's choice.
    if (name.empty() || has_control(name) || name.find_first_of(":; ") != std::string::npos ||
        has_control(value)) {
      return fail(ErrorCode::kInvalidArgument, "bad HTTP header '{}'", name);
    }
  }
  const std::unique_ptr<CURLU, UrlDeleter> url(curl_url());
  char* scheme = nullptr;
  const bool parsed = request.url.find('\0') == std::string::npos &&
                      curl_url_set(url.get(), CURLUPART_URL, request.url.c_str(), 0) == CURLUE_OK &&
                      curl_url_get(url.get(), CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;
  const std::string name = scheme == nullptr ? "" : to_lower_ascii(scheme);
  curl_free(scheme);
  if (!parsed || (name != "http" && name != "https")) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is no http or https URL", request.url);
  }
  return {};
}

std::unique_ptr<CurlHandle> CurlHandle::create() {
  CURL* easy = curl_easy_init();
  CURLM* multi = curl_multi_init();
  if (easy != nullptr && multi != nullptr) {
    return std::unique_ptr<CurlHandle>(new CurlHandle(easy, multi));
  }
  curl_easy_cleanup(easy);
  curl_multi_cleanup(multi);
  return nullptr;
}

CurlHandle::~CurlHandle() {
  curl_easy_cleanup(static_cast<CURL*>(easy_));
  curl_multi_cleanup(static_cast<CURLM*>(multi_));
}

Result<void> CurlHandle::run(const Context& context, const ClientRequest& request,
                             const std::string& no_proxy, const ServiceNames* names,
                             const std::function<bool(const HttpResponse&)>& on_head,
                             const std::function<bool(std::string_view)>& on_bytes) {
  auto* easy = static_cast<CURL*>(easy_);
  auto* multi = static_cast<CURLM*>(multi_);
  const HeaderList headers = header_list(request.headers);
  if (!headers) return fail(ErrorCode::kResourceExhausted, "out of memory");
  Transfer transfer{
      .context = context, .request = request, .on_head = on_head, .on_bytes = on_bytes};
  char reason[CURL_ERROR_SIZE] = "";
  configure(easy, request, no_proxy, headers.get(), &transfer);
  HeaderList connect_to;
  if (request.tls) {
    configure_tls(easy, *request.tls);
    ASSIGN_OR_RETURN(connect_to, check_name_instead(easy, request));
  }
  if (names != nullptr && !connect_to) {
    ASSIGN_OR_RETURN(connect_to, connect_to_service(easy, request, *names));
  }
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, reason);
  curl_multi_add_handle(multi, easy);
  Result<CURLcode> code = CURLE_OK;
  {
    const std::stop_callback waker(context.stop, [&] { curl_multi_wakeup(multi); });
    code = drive(context, multi, transfer);
  }
  curl_multi_remove_handle(multi, easy);  // Closes the connection if the reply is not complete.
  curl_easy_reset(easy);                  // Forgets pointers to what ends with this call.
  if (transfer.callback_threw) return fail(ErrorCode::kInternal, "an HTTP callback failed");
  if (transfer.ended_by_caller) return {};
  if (transfer.interrupted) RETURN_IF_ERROR(context.check());
  if (!code) return fail(std::move(code).error());
  if (*code == CURLE_OK) {
    // A redirect that was not followed after all, or a reply without a body.
    if (transfer.head.status >= 200) (void)transfer.deliver_head();
    return {};
  }
  const std::string_view text = reason[0] != '\0' ? reason : curl_easy_strerror(*code);
  return fail(transfer_error(*code, transfer, text));
}

}  // namespace rage::net::detail
