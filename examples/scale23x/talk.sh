#!/usr/bin/env bash
# The talk's five demos, one after the other, against whatever KUBECONFIG points at: `rage up` on
# this machine (KUBECONFIG=DATA/cluster/kubeconfig), or a cluster with RAGE's chart; README.md says
# what is applied before.
#
#   examples/scale23x/talk.sh     waits for Enter between two demos on a terminal
#   GATEWAY=http://10.0.0.7 RAG=... AGENT=... examples/scale23x/talk.sh
#                                 where Services are reached, if this script cannot find out
#   FORWARD=1                     through `kubectl port-forward`, even where it is not needed
#   RAGE=.../rage                 the program; default: on PATH, or this checkout's release build
#
# A cluster's Services are called at their own addresses where these can be reached, as on a node;
# from elsewhere through `kubectl port-forward`.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
built=$here/../../build/release/rage
rage=${RAGE:-$(command -v rage || echo "$built")}
models=(phi-4-mini-instruct gemma-3-27b-instruct)
index=schedule_index
question='Who is speaking about Tectonix, in which room and at what time?'

fail() {
  echo "talk: $*" >&2
  exit 1
}
for tool in curl python3 "$rage"; do command -v "$tool" > /dev/null || fail "$tool is needed"; done

work=$(mktemp -d)
end() { # Ends the forwards that forward() started.
  local pid
  for pid in $(cat "$work"/*.pid 2> /dev/null); do kill "$pid" 2> /dev/null || true; done
  rm -rf "$work"
}
trap end EXIT

# HOST:PORT of a Service through the API server. A new one each time: it ends with its pod.
forward() { # SERVICE PORT
  local log=$work/$1.log found i
  command -v kubectl > /dev/null ||
    fail "the Service $1 cannot be reached from here: install kubectl, or set GATEWAY, RAG, AGENT"
  [ ! -f "$work/$1.pid" ] || kill "$(cat "$work/$1.pid")" 2> /dev/null || true
  rm -f "$log" # The last forward's, which says another port.
  kubectl port-forward -n default "service/$1" ":$2" > "$log" 2>&1 &
  echo $! > "$work/$1.pid"
  for ((i = 0; i < 100; i++)); do
    found=$(sed -n 's/^Forwarding from \(127[^ ]*\) .*/\1/p' "$log" 2> /dev/null) || true
    if [ -n "$found" ]; then
      echo "$found"
      return
    fi
    sleep 0.1
  done
  fail "kubectl port-forward service/$1: $(cat "$log")"
}

# `rage up` says where its Services are dialled: without root not at port 80.
addresses=$(dirname "${KUBECONFIG:-/}")/../run/service-addresses.json
url_of() { # SERVICE
  local found
  if [ -f "$addresses" ]; then
    found=$(python3 -c '
import json, sys
for each in json.load(open(sys.argv[1]))["services"]:
    if [each["namespace"], each["name"]] == ["default", sys.argv[2]]:
        print(each["address"], each["local_port"], sep=":")
        break' "$addresses" "$1")
  else
    found=$("$rage" get service "$1" -n default \
      -o 'jsonpath={.spec.clusterIP}:{.spec.ports[0].port}') || true
  fi
  [ -n "$found" ] || fail "there is no Service $1: README.md here says what to apply first"
  if ! reachable "$found"; then found=$(forward "$1" "${found##*:}"); fi
  echo "http://$found"
}
# Refused counts as reached: somebody is there, and will answer soon.
reachable() { # HOST:PORT
  [ -z "${FORWARD:-}" ] || return 1
  [ -f "$addresses" ] || python3 -c '
import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
try:
    socket.create_connection((host, int(port)), 2).close()
except ConnectionRefusedError:
    pass
except OSError:
    sys.exit(1)' "$1"
}
gateway=${GATEWAY:-$(url_of kaito-gateway-istio)}
rag=${RAG:-$(url_of scale23x)}

chapter() {
  printf '\n\033[1m%s\033[0m\n' "$*"
  if [ -t 0 ] && [ -t 1 ]; then read -r -p '[Enter] '; fi
}
post() { # URL BODY
  printf '> POST %s\n' "$1" >&2
  # Again, because a Service is known a moment after what it leads to is ready.
  curl -sS --noproxy '*' --fail-with-body --max-time 300 --retry 10 --retry-delay 1 \
    --retry-connrefused -o "$work/reply" "$1" -H 'content-type: application/json' -d "$2" ||
    fail "$(cat "$work/reply")"
  cat "$work/reply"
}
# Prints the parts of a JSON reply that a path names: "choices 0 message content".
show() {
  python3 -c '
import json, sys
reply = json.load(sys.stdin)
for path in sys.argv[1:]:
    value = reply
    for key in path.split():
        value = value[int(key)] if key.isdigit() else value.get(key, {})
    print(value if isinstance(value, str) else json.dumps(value))' "$@"
}
chat_body() { # MODEL QUESTION [MORE]
  python3 -c '
import json, sys
body = {"model": sys.argv[1], "max_tokens": 100}
body["messages"] = [{"role": "user", "content": sys.argv[2]}]
print(json.dumps(body | json.loads(sys.argv[3])))' "$1" "$2" "${3:-{\}}"
}
agent_url() { echo "${AGENT:-$(url_of agent)}"; }
ask_agent() {
  local body url
  body=$(python3 -c 'import json, sys; print(json.dumps({"message": sys.argv[1]}))' "$question")
  url=$(agent_url)
  post "$url/chat" "$body" | show message
}
apply_overlay() { # NAME
  "$rage" apply -k "$here/manifests/chat/overlays/$1" --wait 180
}

chapter '1. A model is a resource; its endpoint speaks the OpenAI API.'
"$rage" get inferencesets -n default
post "$gateway/v1/chat/completions" "$(chat_body "${models[0]}" 'What is Kubernetes?')" |
  show model 'choices 0 message content'

chapter '2. One URL, two models: the body says which.'
for model in "${models[@]}"; do
  post "$gateway/v1/chat/completions" "$(chat_body "$model" 'Which model are you?')" | show model
done

chapter '3. The assistant without context: it invents.'
apply_overlay direct
ask_agent

chapter '4. The schedule is indexed; /rag is the same API with sources.'
post "$rag/index" "@$here/schedule_index.json" > /dev/null
more="{\"index_name\": \"$index\", \"max_tokens\": 2048}"
post "$gateway/rag/chat/completions" "$(chat_body "${models[1]}" "$question" "$more")" |
  show 'choices 0 message content'

chapter '5. The assistant with context: one overlay later it knows, and says what it does not know.'
apply_overlay rag
ask_agent
question='Is Linus Torvalds speaking at the conference?'
ask_agent
