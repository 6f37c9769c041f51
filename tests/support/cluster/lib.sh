# Shared by up.sh, down.sh and part.sh: the processes of one cluster. Each part NAME has in the
# cluster's folder NAME.cmd (how it is started), NAME.pid (process and start time) and NAME.log.
# shellcheck shell=bash

fail() {
  printf 'cluster: %s\n' "$*" >&2
  exit 1
}

# When a process began, in clock ticks: with its id it names one process, for ever.
start_time() { # PID
  sed -n 's/^.*) //p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

part_pid() { # DIR NAME: prints the process if it is the one that was started
  local pid begun
  read -r pid begun 2>/dev/null <"$1/$2.pid" || return 1
  [[ -n $begun && $(start_time "$pid") == "$begun" ]] && printf '%s' "$pid"
}

start_part() { # DIR NAME [COMMAND...]: without a command the one of last time
  local dir=$1 name=$2
  shift 2
  [[ $# -eq 0 ]] || printf 'exec %s\n' "$(printf '%q ' "$@")" >"$dir/$name.cmd"
  # A session of its own: whoever called may go.
  setsid bash "$dir/$name.cmd" >>"$dir/$name.log" 2>&1 </dev/null &
  printf '%s %s\n' "$!" "$(start_time $!)" >"$dir/$name.pid"
}

kill_part() { # DIR NAME SIGNAL: returns once it is gone
  local pid i
  pid=$(part_pid "$1" "$2") || return 0
  kill "-$3" "$pid" 2>/dev/null || true
  for ((i = 0; i < 100; i++)); do
    part_pid "$1" "$2" >/dev/null || return 0
    [[ $i -eq 60 ]] && kill -KILL "$pid" 2>/dev/null
    sleep 0.05
  done
  return 1
}

is_our_cluster() { [[ -f $1/.rage-cluster ]]; }

parts_of() { # DIR: names, the last started first
  ls -t "$1"/*.pid 2>/dev/null | sed 's|.*/||; s|\.pid$||'
}
