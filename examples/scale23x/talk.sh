#!/usr/bin/env bash
# The talk's five demos, one after the other, against whatever KUBECONFIG points at: a cluster with
# RAGE's chart, or `rage up` on this machine (KUBECONFIG=DATA/cluster/kubeconfig).
#
#   examples/scale23x/talk.sh     waits for Enter between two demos on a terminal
#   GATEWAY=http://10.0.0.7 RAG=... AGENT=... examples/scale23x/talk.sh
#                                 where Services have no address that is reachable from here
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
rage=${RAGE:-rage}
models=(phi-4-mini-instruct gemma-3-27b-instruct)
index=schedule_index
question='Who is speaking about Tectonix, in which room and at what time?'

fail() {
  echo "talk: $*" >&2
  exit 1
}
for tool in curl python3; do command -v "$tool" > /dev/null || fail "$tool is needed"; done

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
  [ -n "$found" ] || fail "there is no Service $1: apply examples/scale23x/manifests first"
  echo "http://$found"
}
gateway=${GATEWAY:-$(url_of kaito-gateway-istio)}
rag=${RAG:-$(url_of scale23x)}

chapter() {
  printf '\n\033[1m%s\033[0m\n' "$*"
  if [ -t 0 ] && [ -t 1 ]; then read -r -p '[Enter] '; fi
}
post() { # URL BODY
  printf '> POST %s\n' "$1" >&2
  curl -sS --fail-with-body --max-time 300 "$1" -H 'content-type: application/json' -d "$2"
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
  local body
  body=$(python3 -c 'import json, sys; print(json.dumps({"message": sys.argv[1]}))' "$question")
  post "$(agent_url)/chat" "$body" | show message
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
