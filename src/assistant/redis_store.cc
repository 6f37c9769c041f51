#include "assistant/redis_store.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/sha256.h"

namespace rage::assistant {
namespace {

using codec::Json;

constexpr std::string_view kMessages = "chat_messages:";
constexpr std::string_view kExtras = "chat_extras:";
constexpr std::string_view kMeta = "chat_meta:";
constexpr const char* kDigest = "record";  // Key of an extras entry.
constexpr std::size_t kDigestLength = 16;
constexpr int kScansMax = 1000;  // Of 1,000 keys: a larger database is looked at in part.
constexpr std::size_t kSessionsListedMax = 10'000;

std::string key(std::string_view prefix, const std::string& session) {
  return std::string(prefix) + session;
}

std::string digest_of(std::string_view record) {
  return sha256_hex(record).substr(0, kDigestLength);
}

std::int64_t integer_of(const RespValue& value) {
  if (value.kind == RespValue::Kind::kInteger) return value.integer;
  std::int64_t number = 0;
  std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
  return number;
}

}  // namespace

std::vector<RedisCommand> plan_append(const std::string& session, std::span<const Message> messages,
                                      const std::string& now_ms, std::chrono::seconds ttl) {
  RedisCommand records = {"RPUSH", key(kMessages, session)};
  RedisCommand extras = {"RPUSH", key(kExtras, session)};
  std::string title;
  for (const Message& message : messages) {
    if (title.empty() && message.role == kUser) title = title_of(message.text);
    records.push_back(render_record(message));
    Json entry = message.extras;
    entry[kDigest] = digest_of(records.back());
    extras.push_back(codec::render_json(entry));
  }
  const std::string meta = key(kMeta, session);
  std::vector<RedisCommand> commands = {{"MULTI"}, records, extras};
  if (!title.empty()) commands.push_back({"HSETNX", meta, "title", title});
  commands.push_back({"HSETNX", meta, "created", now_ms});
  commands.push_back({"HSET", meta, "updated", now_ms});
  if (ttl.count() > 0) {
    for (const std::string_view prefix : {kMessages, kExtras, kMeta}) {
      commands.push_back({"EXPIRE", key(prefix, session), std::to_string(ttl.count())});
    }
  }
  commands.push_back({"EXEC"});
  return commands;
}

std::vector<Message> join_extras(const std::vector<RespValue>& records,
                                 const std::vector<RespValue>& extras) {
  std::vector<Json> entries;
  std::map<std::string, std::vector<std::size_t>> places;  // Of a digest, ascending.
  for (const RespValue& value : extras) {
    auto entry = codec::parse_json(value.text);
    if (!entry) continue;
    places[codec::string_or(*entry, kDigest, "")].push_back(entries.size());
    entries.push_back(*std::move(entry));
  }
  std::vector<Message> messages;
  // From the end: the newest of both were asked for, and of one list more than of the other may
  // have been left out.
  std::size_t left = entries.size();
  for (auto record = records.rbegin(); record != records.rend(); ++record) {
    auto message = parse_record(record->text);
    if (!message) continue;
    const auto same = places.find(digest_of(record->text));
    while (same != places.end() && !same->second.empty() && same->second.back() >= left) {
      same->second.pop_back();
    }
    if (same != places.end() && !same->second.empty()) {
      left = same->second.back();
      message->extras = std::move(entries[left]);
      message->extras.erase(kDigest);
    }
    messages.push_back(*std::move(message));
  }
  std::ranges::reverse(messages);
  return messages;
}

// An error of any command is the call's.
Result<std::vector<RespValue>> RedisStore::run(const Context& context,
                                               const std::vector<RedisCommand>& commands,
                                               Repeat repeat) {
  ASSIGN_OR_RETURN(auto replies, client_.run(context, commands, repeat));
  for (const RespValue& reply : replies) {
    if (reply.is_error()) return fail(ErrorCode::kUnavailable, "Redis: {}", reply.text);
    for (const RespValue& item : reply.items) {
      if (item.is_error()) return fail(ErrorCode::kUnavailable, "Redis: {}", item.text);
    }
  }
  return replies;
}

std::string RedisStore::now_ms() const {
  const auto since = clock_.wall_now().time_since_epoch();
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

Result<std::vector<Message>> RedisStore::load(const Context& context, const std::string& session,
                                              std::size_t messages_max) {
  const std::string from = "-" + std::to_string(messages_max);
  ASSIGN_OR_RETURN(const auto replies, run(context,
                                           {{"LRANGE", key(kMessages, session), from, "-1"},
                                            {"LRANGE", key(kExtras, session), from, "-1"}},
                                           Repeat::kOnce));
  return join_extras(replies[0].items, replies[1].items);
}

Result<void> RedisStore::append(const Context& context, const std::string& session,
                                std::span<const Message> messages) {
  const auto commands = plan_append(session, messages, now_ms(), options_.ttl);
  ASSIGN_OR_RETURN(const auto replies, run(context, commands, Repeat::kNever));
  if (replies.back().kind != RespValue::Kind::kArray) {
    return fail(ErrorCode::kUnavailable, "Redis did not carry out the transaction");
  }
  return {};
}

Result<SessionList> RedisStore::list(const Context& context, std::size_t sessions_max) {
  SessionList list;
  std::set<std::string> found;  // SCAN may name a key twice.
  std::string cursor = "0";
  for (int i = 0;; ++i) {
    ASSIGN_OR_RETURN(
        const auto replies,
        run(context, {{"SCAN", cursor, "MATCH", std::string(kMessages) + "*", "COUNT", "1000"}},
            Repeat::kOnce));
    if (replies[0].items.size() != 2) return fail(ErrorCode::kDataLoss, "Redis: bad SCAN reply");
    cursor = replies[0].items[0].text;
    for (const RespValue& name : replies[0].items[1].items) {
      found.insert(name.text.substr(std::min(kMessages.size(), name.text.size())));
    }
    if (cursor == "0") break;
    list.truncated = i + 1 == kScansMax || found.size() >= kSessionsListedMax;
    if (list.truncated) break;
  }
  ASSIGN_OR_RETURN(list.sessions, describe(context, {found.begin(), found.end()}));
  std::ranges::sort(list.sessions, [](const SessionInfo& left, const SessionInfo& right) {
    return left.updated_ms != right.updated_ms ? left.updated_ms > right.updated_ms
                                               : left.id < right.id;
  });
  if (list.sessions.size() > sessions_max) {
    list.sessions.resize(sessions_max);
    list.truncated = true;
  }
  return list;
}

// Those that are still there, in order.
Result<std::vector<SessionInfo>> RedisStore::describe(const Context& context,
                                                      const std::vector<std::string>& sessions) {
  std::vector<SessionInfo> infos;
  if (sessions.empty()) return infos;
  std::vector<RedisCommand> commands;
  for (const std::string& session : sessions) {
    commands.push_back({"HMGET", key(kMeta, session), "title", "created", "updated"});
    commands.push_back({"LLEN", key(kMessages, session)});
    commands.push_back({"LINDEX", key(kMessages, session), "0"});
  }
  ASSIGN_OR_RETURN(const auto replies, run(context, commands, Repeat::kOnce));
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    const auto& meta = replies[i * 3].items;
    const RespValue& length = replies[i * 3 + 1];
    if (meta.size() != 3 || length.integer == 0) continue;
    SessionInfo info{.id = sessions[i],
                     .title = meta[0].text,
                     .created_ms = integer_of(meta[1]),
                     .updated_ms = integer_of(meta[2]),
                     .messages = length.integer};
    const auto first = parse_record(replies[i * 3 + 2].text);
    if (info.title.empty() && first) info.title = title_of(first->text);
    infos.push_back(std::move(info));
  }
  return infos;
}

Result<SessionInfo> RedisStore::find(const Context& context, const std::string& session) {
  ASSIGN_OR_RETURN(auto found, describe(context, {session}));
  if (found.empty()) return fail(ErrorCode::kNotFound, "no such session");
  return std::move(found.front());
}

Result<void> RedisStore::rename(const Context& context, const std::string& session,
                                const std::string& title) {
  RETURN_IF_ERROR(find(context, session));
  std::vector<RedisCommand> commands = {{"HSET", key(kMeta, session), "title", title}};
  // Of a session that others began there was no such key, which must not outlive the others.
  if (options_.ttl.count() > 0) {
    commands.push_back({"EXPIRE", key(kMeta, session), std::to_string(options_.ttl.count())});
  }
  RETURN_IF_ERROR(run(context, commands, Repeat::kOnce));
  return {};
}

Result<void> RedisStore::remove(const Context& context, const std::string& session) {
  RETURN_IF_ERROR(find(context, session));
  RETURN_IF_ERROR(
      run(context, {{"DEL", key(kMessages, session), key(kExtras, session), key(kMeta, session)}},
          Repeat::kOnce));
  return {};
}

Result<void> RedisStore::check(const Context& context) {
  RETURN_IF_ERROR(run(context, {{"PING"}}, Repeat::kOnce));
  return {};
}

}  // namespace rage::assistant
