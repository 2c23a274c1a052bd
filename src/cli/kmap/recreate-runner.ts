/* The parts of a script that creates topics that are the same in each; bash 3.2 and later. */

/** What users change, by hand or in the environment. `servers` must hold nothing that bash reads inside quotes. */
export function recreateSettings(servers: string): string {
  return `\
[ -n "\${BASH_VERSION:-}" ] || { echo "Run this script with bash" >&2; exit 2; }
set -u

# The target cluster: change it here, or set it in the environment.
BOOTSTRAP_SERVERS="\${BOOTSTRAP_SERVERS:-${servers}}"

# Kafka's tool, if it is not in the PATH: for example /opt/kafka/bin/kafka-topics.sh
KAFKA_TOPICS="\${KAFKA_TOPICS:-kafka-topics.sh}"

# For a secured cluster, uncomment and set:
# COMMAND_CONFIG="--command-config /path/to/client.properties"
COMMAND_CONFIG="\${COMMAND_CONFIG:-}"

# Replicas of each topic; empty = as on the source, or as many as the target has brokers.
REPLICATION_FACTOR="\${REPLICATION_FACTOR:-}"
`
}

/** Reads what is there, and creates what is not. */
export const recreateFunctions = `\
dry_run="\${DRY_RUN:+1}"
for argument in "$@"; do
  case "$argument" in
    --dry-run) dry_run=1 ;;
    -h | --help) sed -n '2,/^$/s/^# \\{0,1\\}//p' "$0"; exit 0 ;;
    *) echo "Unknown argument: $argument (known: --dry-run)" >&2; exit 2 ;;
  esac
done
if [ -z "$BOOTSTRAP_SERVERS" ]; then
  echo "BOOTSTRAP_SERVERS is empty: set it to the address of the target cluster" >&2
  exit 2
fi
if ! command -v "$KAFKA_TOPICS" >/dev/null; then
  if [ "$KAFKA_TOPICS" = kafka-topics.sh ] && command -v kafka-topics >/dev/null; then
    KAFKA_TOPICS=kafka-topics
  else
    echo "$KAFKA_TOPICS not found: set KAFKA_TOPICS to where Kafka's tool is" >&2
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
nl='
'
# COUNTED is a number with its noun.
count() {
  COUNTED="$1 $2"
  [ "$1" -eq 1 ] || COUNTED="\${COUNTED}s"
}
# COPIES are partitions and replicas.
copies() {
  count "$2" replica
  COPIES="$COUNTED"
  count "$1" partition
  COPIES="$COUNTED, $COPIES"
}
step=0
created=0
existing=0
failures=()
notes=()
largest=''

kafka_topics() {
  "$KAFKA_TOPICS" --bootstrap-server "$BOOTSTRAP_SERVERS" \${options[@]+"\${options[@]}"} "$@" </dev/null 2>&1
}

# What the target has: a line "name partitions" for each topic.
present="$nl"
if [ "$total" -gt 0 ]; then
  if ! described="$(kafka_topics --describe)"; then
    printf '%s\\n' "$described" | sed 's/^/    /' >&2
    echo "The topics of $BOOTSTRAP_SERVERS could not be read" >&2
    exit 2
  fi
  while IFS= read -r line; do
    case "$line" in Topic:*PartitionCount:*) ;; *) continue ;; esac
    line="\${line#Topic:}"
    read -r name _ <<<"$line"
    line="\${line#*PartitionCount:}"
    read -r count _ <<<"$line"
    present="$present$name $count$nl"
  done <<<"$described"
fi

failed() {
  echo "FAILED: $2"
  failures+=("$1: $2")
}

# topic NAME PARTITIONS REPLICAS [SETTING=VALUE …]
topic() {
  local name="$1" partitions="$2" replicas="$3" have output status setting unknown limit
  local -a words kept
  shift 3
  step=$((step + 1))
  printf '[%d/%d] %s ... ' "$step" "$total" "$name"
  case "$present" in
    *"$nl$name "*)
      have="\${present#*"$nl$name "}"
      have="\${have%%"$nl"*}"
      count "$have" partition
      if [ "$have" -lt "$partitions" ]; then
        failed "$name" "exists with $COUNTED, the source has $partitions"
      else
        existing=$((existing + 1))
        echo "exists with $COUNTED, left as it is"
        [ "$have" -eq "$partitions" ] || notes+=("$name has $COUNTED, the source has $partitions")
      fi
      return ;;
  esac
  replicas="\${REPLICATION_FACTOR:-$replicas}"
  if [ -n "$largest" ] && [ "$replicas" -gt "$largest" ]; then replicas="$largest"; fi
  kept=("$@")
  while :; do
    words=()
    for setting in \${kept[@]+"\${kept[@]}"}; do
      # More replicas in sync than there are would let nobody write.
      case "$setting" in
        min.insync.replicas=*) if [ "\${setting#*=}" -gt "$replicas" ]; then setting="min.insync.replicas=$replicas"; fi ;;
      esac
      words+=("--config=$setting")
    done
    if [ -n "$dry_run" ]; then
      created=$((created + 1))
      copies "$partitions" "$replicas"
      echo "would be created: $COPIES \${words[*]-}"
      return
    fi
    output="$(kafka_topics --create "--topic=$name" "--partitions=$partitions" "--replication-factor=$replicas" \${words[@]+"\${words[@]}"})"
    status=$?
    case "$output" in
      *"only "*" broker(s) are registered"*)
        limit="\${output#*only }"
        limit="\${limit%% broker(s)*}" ;;
      *"larger than available brokers: "*)
        limit="\${output#*larger than available brokers: }"
        limit="\${limit%%[!0-9]*}" ;;
      *) limit='' ;;
    esac
    case "$limit" in *[!0-9]*) limit='' ;; esac
    if [ "$status" -ne 0 ] && [ -n "$limit" ] && [ "$limit" -gt 0 ] && [ "$limit" -lt "$replicas" ]; then
      count "$limit" broker
      [ -n "$largest" ] || notes+=("the target has $COUNTED: topics get that many replicas")
      largest="$limit"
      replicas="$limit"
      continue
    fi
    unknown=''
    case "$output" in *"Unknown topic config name: "*) unknown="\${output#*Unknown topic config name: }" ;; esac
    unknown="\${unknown%%[!A-Za-z0-9._-]*}"
    if [ "$status" -ne 0 ] && [ -n "$unknown" ] && drop "$unknown"; then
      notes+=("$name is without $unknown, which the target does not know")
      continue
    fi
    break
  done
  if [ "$status" -eq 0 ]; then
    created=$((created + 1))
    copies "$partitions" "$replicas"
    echo "created: $COPIES"
    return
  fi
  failed "$name" "$(printf '%s\\n' "$output" | grep -m 1 -i -e error -e exception || printf '%s\\n' "$output" | head -n 1)"
}

# Takes a setting out of \${kept[@]}; fails when it is not there.
drop() {
  local setting found=''
  local -a rest=()
  for setting in \${kept[@]+"\${kept[@]}"}; do
    if [ "\${setting%%=*}" = "$1" ]; then found=1; else rest+=("$setting"); fi
  done
  kept=(\${rest[@]+"\${rest[@]}"})
  [ -n "$found" ]
}
[ -z "$dry_run" ] || echo "Dry run: nothing is changed"`

/** The tally and the exit status. */
export const recreateEnd = `
echo
word=created
[ -z "$dry_run" ] || word='would be created'
echo "Topics: $created of $total $word, $existing existed, \${#failures[@]} failed"
for note in \${notes[@]+"\${notes[@]}"}; do echo "  note: $note"; done
for failure in \${failures[@]+"\${failures[@]}"}; do echo "  failed: $failure"; done
[ "\${#failures[@]}" -eq 0 ]`
