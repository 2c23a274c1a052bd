/*
 * The parts of a restore script that are the same in each. Written for bash 3.2 (macOS) and later: no associative arrays, and
 * an empty array needs the `+` form. Nothing of a name or a reason ever goes in here.
 */

/** What users change, by hand or in the environment. `servers` must hold nothing that bash reads inside quotes. */
export function settings(servers: string): string {
  return `\
[ -n "\${BASH_VERSION:-}" ] || { echo "Run this script with bash" >&2; exit 2; }
set -u

# The target cluster: change it here, or set it in the environment.
BOOTSTRAP_SERVERS="\${BOOTSTRAP_SERVERS:-${servers}}"

# Kafka's tool, if it is not in the PATH: for example /opt/kafka/bin/kafka-consumer-groups.sh
KAFKA_CONSUMER_GROUPS="\${KAFKA_CONSUMER_GROUPS:-kafka-consumer-groups.sh}"

# For a secured cluster, uncomment and set:
# COMMAND_CONFIG="--command-config /path/to/client.properties"
COMMAND_CONFIG="\${COMMAND_CONFIG:-}"
`
}

/** Arguments, temporary files, and how the tool is called. */
export const running = `\
dry_run="\${DRY_RUN:+1}"
force=''
for argument in "$@"; do
  case "$argument" in
    --dry-run) dry_run=1 ;;
    --force) force=1 ;;
    -h | --help) sed -n '2,/^$/s/^# \\{0,1\\}//p' "$0"; exit 0 ;;
    *) echo "Unknown argument: $argument (known: --dry-run, --force)" >&2; exit 2 ;;
  esac
done
if [ -z "$BOOTSTRAP_SERVERS" ]; then
  echo "BOOTSTRAP_SERVERS is empty: set it to the address of the target cluster" >&2
  exit 2
fi
if ! command -v "$KAFKA_CONSUMER_GROUPS" >/dev/null; then
  if [ "$KAFKA_CONSUMER_GROUPS" = kafka-consumer-groups.sh ] && command -v kafka-consumer-groups >/dev/null; then
    KAFKA_CONSUMER_GROUPS=kafka-consumer-groups
  else
    echo "$KAFKA_CONSUMER_GROUPS not found: set KAFKA_CONSUMER_GROUPS to where Kafka's tool is" >&2
    exit 2
  fi
fi
options=()
case "$COMMAND_CONFIG" in
  '') ;;
  '--command-config '*)
    config="\${COMMAND_CONFIG#--command-config }"
    if [ -f "$config" ]; then options=(--command-config "$config"); else read -r -a options <<<"$COMMAND_CONFIG"; fi ;;
  -*) read -r -a options <<<"$COMMAND_CONFIG" ;;
  *) options=(--command-config "$COMMAND_CONFIG") ;;
esac
TEMP_DIR="$(mktemp -d "\${TMPDIR:-/tmp}/restore-offsets.XXXXXX")" || exit 2
trap 'rm -rf "$TEMP_DIR"' EXIT
trap 'exit 130' INT TERM
TEMP_CSV="$TEMP_DIR/offsets.csv"
ERRORS="$TEMP_DIR/errors"
nl='
'
# COUNTED is a number with its noun.
count() {
  COUNTED="$1 $2"
  [ "$1" -eq 1 ] || COUNTED="\${COUNTED}s"
}

run_tool() {
  "$KAFKA_CONSUMER_GROUPS" --bootstrap-server "$BOOTSTRAP_SERVERS" \${options[@]+"\${options[@]}"} "$@" </dev/null 2>"$ERRORS"
}

# Sets the positions in the file. To change nothing, write --dry-run here instead of --execute, or call the script with --dry-run.
set_positions() {
  change "$@" \\
    --reset-offsets --from-file "$TEMP_CSV" --execute
}

change() {
  local -a words=("$@")
  [ -z "$dry_run" ] || words=("\${words[@]/#--execute/--dry-run}")
  run_tool "\${words[@]}"
}
# A line edited to --dry-run means a dry run as well.
if declare -f set_positions | grep -q -e --dry-run; then dry_run=1; fi`

/** Ranges of the target's logs, asked of the tool itself: what a reset to the ends would be. */
export const reading = `\
# A variable's name for a topic and partition: topics are made of letters, digits, dots, underscores and hyphens.
variable() {
  local name="$2"
  name="\${name//_/_u}"
  name="\${name//./_d}"
  name="\${name//-/_h}"
  VARIABLE="range_$1_\${name}_$3"
}

# The reason that the tool gave on its last run.
find_reason() {
  local line
  REASON=''
  while IFS= read -r line; do
    case "$line" in Error:*) REASON="\${line#Error: }"; break ;; esac
  done <<<"$1"
  [ -n "$REASON" ] || REASON="$(grep -m 1 -e Exception -e ERROR -e Error "$ERRORS" 2>/dev/null)"
  [ -n "$REASON" ] || REASON="the tool did not say that it has set it (exit status $2)"
}

# Reads the table in the tool's output: into \${tokens[@]}, rows of $width words. A group's name takes as many words as it
# has; rows are told apart by counting, because some versions of the tool print all of them on one line.
read_table() {
  local -a name
  read -r -a name <<<"$2"
  tokens=()
  case "$1" in *NEW-OFFSET*) read -r -d '' -a tokens <<<"\${1#*NEW-OFFSET}" ;; esac
  width=$((\${#name[@]} + 3))
}

# Reads one end of the logs of some topics. Answers 1 with REASON when the tool gave no table.
probe() {
  local which="$1" option="$2" topic output status at width found=''
  local -a words=() tokens
  shift 2
  for topic in "$@"; do words+=("--topic=$topic"); done
  while :; do
    output="$(run_tool "--group=\${probe_groups[0]}" "\${words[@]}" --reset-offsets "$option" --dry-run)"
    status=$?
    read_table "$output" "\${probe_groups[0]}"
    for ((at = width; at <= \${#tokens[@]}; at += width)); do
      topic="\${tokens[at - 3]}"
      case "\${tokens[at - 2]}:\${tokens[at - 1]}" in *[!0-9:]* | :* | *:) break ;; esac
      case "$topic" in '' | *[!A-Za-z0-9._-]*) break ;; esac
      variable "$which" "$topic" "\${tokens[at - 2]}"
      printf -v "$VARIABLE" %s "\${tokens[at - 1]}"
      found=1
    done
    [ -z "$found" ] || return 0
    find_reason "$output" "$status"
    # A group with members cannot be asked about: the next one may be.
    case "$REASON" in *'can only be reset if the group'*) ;; *) return 1 ;; esac
    [ "\${#probe_groups[@]}" -gt 1 ] || return 1
    probe_groups=("\${probe_groups[@]:1}")
  done
}

# Both ends, by halves where a topic among several spoils the answer for all.
learn() {
  local half
  if probe end --to-latest "$@" && probe start --to-earliest "$@"; then return; fi
  if [ $# -gt 1 ] && [ -z "$unknown_ranges" ]; then
    case "$REASON" in *'can only be reset if the group'*) unknown_ranges=1; return ;; esac
    half=$(($# / 2))
    learn "\${@:1:half}"
    learn "\${@:half + 1}"
    return
  fi
  case "$REASON" in
    *'can only be reset if the group'*) unknown_ranges=1 ;;
    *)
      case "$REASON" in *'does not host'* | *UnknownTopic* | *'does not exist'*) REASON="the target has no such topic" ;; esac
      variable problem "$1" 0
      printf -v "$VARIABLE" %s "$REASON" ;;
  esac
}

unknown_ranges=''
learn_ranges() {
  local at
  [ "\${#topics[@]}" -gt 0 ] && [ "\${#probe_groups[@]}" -gt 0 ] || return
  count "\${#topics[@]}" topic
  echo "Reading the logs of $COUNTED on $BOOTSTRAP_SERVERS"
  for ((at = 0; at < \${#topics[@]}; at += 200)); do learn "\${topics[@]:at:200}"; done
  [ -z "$unknown_ranges" ] || echo "The ranges of the logs are not known: what lies outside is found only when it has been set" >&2
}

# Whether a position lies within the log; else REASON.
in_range() {
  local start end
  [ -z "$unknown_ranges" ] || return 0
  variable problem "$1" 0
  if [ -n "\${!VARIABLE:-}" ]; then
    REASON="\${!VARIABLE}"
    return 1
  fi
  variable start "$1" "$2"
  start="\${!VARIABLE:-}"
  variable end "$1" "$2"
  end="\${!VARIABLE:-}"
  if [ -z "$start" ] || [ -z "$end" ]; then
    REASON="the target has no such partition"
    return 1
  fi
  [ -z "$force" ] || return 0
  if [ "$3" -lt "$start" ] || [ "$3" -gt "$end" ]; then
    REASON="offset $3 is out of range (current: $start-$end); --force moves it to the near end"
    return 1
  fi
}`

/** Many groups in one call of the tool; one by one, and topic by topic, where that does not go well. */
export const batching = `\
step=0
set_count=0
failed_count=0
restored_groups=0
failed_groups=0
failures=()
group_names=()
group_failed=()
row_group=()
row_topic=()
row_partition=()
row_offset=()
row_state=()

group() {
  local -a words
  read -r -a words <<<"$1"
  if [ -n "$alone" ] || [ "\${#group_names[@]}" -ge 50 ] || [ "\${#row_group[@]}" -ge 500 ] || [ "\${#words[@]}" -ne "$batch_words" ]; then flush; fi
  batch_words="\${#words[@]}"
  group_names+=("$1")
  group_failed+=(0)
  alone=''
}

# A group whose name could not be told from others in the tool's table.
group_alone() {
  flush
  group "$1"
  alone=1
}
alone=''

topic() {
  local topic="$1" pair
  shift
  for pair in "$@"; do
    # Very large groups in several calls.
    if [ "\${#row_group[@]}" -ge 1000 ]; then continue_flush; fi
    if in_range "$topic" "\${pair%%:*}" "\${pair#*:}"; then
      row_group+=("$((\${#group_names[@]} - 1))")
      row_topic+=("$topic")
      row_partition+=("\${pair%%:*}")
      row_offset+=("\${pair#*:}")
      row_state+=('')
    else
      cannot "$topic:\${pair%%:*} -> \${pair#*:}" "$REASON"
    fi
  done
}

# A position of the group named last that cannot be set, and why.
cannot() {
  local last=$((\${#group_names[@]} - 1))
  failures+=("\${group_names[last]} $1: $2")
  failed_count=$((failed_count + 1))
  group_failed[last]=$((group_failed[last] + 1))
}

# One call of the tool for the rows in \${selected[@]}.
attempt() {
  local row name last='' output status at width table="$nl" key found only=1
  local -a words=() tokens
  : >"$TEMP_CSV"
  for row in "\${selected[@]}"; do
    name="\${group_names[\${row_group[row]}]}"
    printf '"%s",%s,%s,%s\\n' "\${name//\\"/\\"\\"}" "\${row_topic[row]}" "\${row_partition[row]}" "\${row_offset[row]}" >>"$TEMP_CSV"
    if [ "\${#words[@]}" -gt 0 ] && [ "$name" = "$last" ]; then continue; fi
    [ "\${#words[@]}" -eq 0 ] || only=''
    words+=("--group=$name")
    last="$name"
  done
  output="$(set_positions "\${words[@]}")"
  status=$?
  # Where there are several groups, their names have as many words as each other.
  read_table "$output" "$last"
  for ((at = width; at <= \${#tokens[@]}; at += width)); do
    key="\${tokens[at - 3]} \${tokens[at - 2]} \${tokens[at - 1]}"
    if [ -z "$only" ]; then
      words=("\${tokens[@]:at - width:width - 3}")
      key="\${words[*]} $key"
    fi
    table="$table$key$nl"
  done
  find_reason "$output" "$status"
  for row in "\${selected[@]}"; do
    key="\${row_topic[row]} \${row_partition[row]}"
    [ -n "$only" ] || key="\${group_names[\${row_group[row]}]} $key"
    case "$table" in
      *"$nl$key \${row_offset[row]}$nl"*) row_state[row]=ok ;;
      *"$nl$key "*)
        found="\${table#*"$nl$key "}"
        found="\${found%%"$nl"*}"
        if [ -n "$force" ]; then row_state[row]="ok $found"; else row_state[row]="out of range, the tool moved it to $found"; fi ;;
      *) row_state[row]='' ;;
    esac
  done
}

# Rows of a group (and topic) that the tool has said nothing of.
select_open() {
  local row
  selected=()
  for ((row = 0; row < \${#row_group[@]}; row++)); do
    [ -z "\${row_state[row]}" ] || continue
    [ -z "\${1:-}" ] || [ "\${row_group[row]}" = "$1" ] || continue
    [ -z "\${2:-}" ] || [ "\${row_topic[row]}" = "$2" ] || continue
    selected+=("$row")
  done
  [ "\${#selected[@]}" -gt 0 ]
}

set_rows() {
  local index row topic reason
  local -a open
  [ "\${#row_group[@]}" -gt 0 ] || return
  select_open && attempt
  for ((index = 0; index < \${#group_names[@]}; index++)); do
    select_open "$index" || continue
    [ "\${#group_names[@]}" -eq 1 ] || attempt
    select_open "$index" || continue
    reason="$REASON"
    open=("\${selected[@]}")
    for row in "\${open[@]}"; do
      [ -z "\${row_state[row]}" ] || continue
      topic="\${row_topic[row]}"
      # What holds for the group as a whole is no better by topic.
      case "$reason" in
        *'can only be reset if the group'*) select_open "$index" ;;
        *)
          select_open "$index" "$topic"
          if [ "\${#selected[@]}" -lt "\${#open[@]}" ]; then attempt; reason="$REASON"; fi ;;
      esac
      for row in "\${selected[@]}"; do [ -n "\${row_state[row]}" ] || row_state[row]="$reason"; done
      reason=''
    done
  done
}

count_rows() {
  local row index
  for ((row = 0; row < \${#row_group[@]}; row++)); do
    index="\${row_group[row]}"
    case "\${row_state[row]}" in
      ok) set_count=$((set_count + 1)); group_set[index]=$((\${group_set[index]:-0} + 1)) ;;
      'ok '*)
        set_count=$((set_count + 1))
        group_set[index]=$((\${group_set[index]:-0} + 1))
        echo "    \${group_names[index]} \${row_topic[row]}:\${row_partition[row]} was moved from \${row_offset[row]} to \${row_state[row]#ok }" ;;
      *)
        failures+=("\${group_names[index]} \${row_topic[row]}:\${row_partition[row]} -> \${row_offset[row]}: \${row_state[row]}")
        failed_count=$((failed_count + 1))
        group_failed[index]=$((group_failed[index] + 1)) ;;
    esac
  done
  row_group=()
  row_topic=()
  row_partition=()
  row_offset=()
  row_state=()
}
group_set=()
batch_words=1
shown=0

# Sets the rows so far; the last group goes on.
continue_flush() {
  set_rows
  count_rows
}

flush() {
  local index
  [ "\${#group_names[@]}" -gt 0 ] || return 0
  [ "\${#row_group[@]}" -eq 0 ] || [ "\${#group_names[@]}" -eq 1 ] ||
    echo "\${verb} groups $((step + 1))-$((step + \${#group_names[@]})) of $total"
  set_rows
  count_rows
  for ((index = 0; index < \${#group_names[@]}; index++)); do
    step=$((step + 1))
    count "\${group_set[index]:-0}" position
    if [ "\${group_failed[index]}" -eq 0 ]; then
      restored_groups=$((restored_groups + 1))
      echo "[$step/$total] \${group_names[index]}: $COUNTED $done_word"
    else
      failed_groups=$((failed_groups + 1))
      echo "[$step/$total] \${group_names[index]}: $COUNTED $done_word, \${group_failed[index]} FAILED"
    fi
  done
  while [ "$shown" -lt "\${#failures[@]}" ]; do
    echo "    FAILED \${failures[shown]}"
    shown=$((shown + 1))
  done
  group_names=()
  group_failed=()
  group_set=()
}
verb=Setting
done_word=set
if [ -n "$dry_run" ]; then
  verb=Checking
  done_word='would be set'
  echo "Dry run: nothing is changed"
fi`

/** The tally and the exit status. */
export const tally = `\
flush
echo
echo "Groups:    $restored_groups of $total restored completely, $failed_groups failed"
echo "Positions: $set_count $done_word, $failed_count failed"
for failure in \${failures[@]+"\${failures[@]}"}; do
  echo "  failed: $failure"
done
[ "$failed_count" -eq 0 ]`
