/*
 * The parts of a generated script that are the same in each. Written for bash 3.2 (macOS) and later; an empty
 * array needs the `+` form there. Nothing of a name or a reason ever goes in here.
 */

/** Before anything else: the shell is bash. */
export const guard = `\
[ -n "\${BASH_VERSION:-}" ] || { echo "Run this script with bash" >&2; exit 2; }
set -u
BOOTSTRAP_SERVERS="\${BOOTSTRAP_SERVERS:-}"`

/** What the environment may set. */
export const settings = `\
KAFKA_CONSUMER_GROUPS="\${KAFKA_CONSUMER_GROUPS:-kafka-consumer-groups.sh}"
COMMAND_CONFIG="\${COMMAND_CONFIG:-}"`

/** The functions that the commands of the script call. */
export const runner = `\
if ! command -v "$KAFKA_CONSUMER_GROUPS" >/dev/null; then
  echo "$KAFKA_CONSUMER_GROUPS not found: set KAFKA_CONSUMER_GROUPS to where Kafka's tool is" >&2
  exit 2
fi
options=()
case "$COMMAND_CONFIG" in
  '') ;;
  -*) read -r -a options <<<"$COMMAND_CONFIG" ;;
  *) options=(--command-config "$COMMAND_CONFIG") ;;
esac
step=0
set_count=0
failures=()

# Runs Kafka's tool and believes only the table in its output: it exits 0 also when it fails, and an offset
# outside the log is moved to the log's end.
kafka-consumer-groups() {
  local group='' topic='' offset='' output line found='' status count
  local -a arguments=("$@") fields
  while [ $# -gt 0 ]; do
    case "$1" in
      --group) group="$2"; shift ;;
      --topic) topic="$2"; shift ;;
      --to-offset) offset="$2"; shift ;;
    esac
    shift
  done
  step=$((step + 1))
  printf '[%d/%d] %q %s -> %s ... ' "$step" "$steps" "$group" "$topic" "$offset"
  [ -z "\${DRY_RUN:-}" ] || arguments=("\${arguments[@]/#--execute/--dry-run}")
  output="$("$KAFKA_CONSUMER_GROUPS" \${options[@]+"\${options[@]}"} "\${arguments[@]}" 2>&1 </dev/null)"
  status=$?
  while IFS= read -r line; do
    read -r -a fields <<<"$line"
    count=\${#fields[@]}
    [ "$count" -ge 3 ] || continue
    if [ "\${fields[count - 3]}:\${fields[count - 2]}" = "$topic" ]; then found="\${fields[count - 1]}"; fi
  done <<<"$output"
  if [ "$status" -eq 0 ] && [ "$found" = "$offset" ]; then
    set_count=$((set_count + 1))
    echo ok
    return
  fi
  if [ -n "$found" ] && [ "$found" != "$offset" ]; then
    echo "FAILED: out of range, the tool moved it to $found"
  else
    echo FAILED
    printf '%s\\n' "$output" | sed 's/^/    /'
  fi
  failures+=("$(printf '%q %s -> %s' "$group" "$topic" "$offset")")
}

# A position that cannot be set, and why.
cannot() {
  step=$((step + 1))
  printf '[%d/%d] %q %s FAILED: %s\\n' "$step" "$steps" "$1" "$2" "$3"
  failures+=("$(printf '%q %s' "$1" "$2")")
}`

/** The tally and the exit status. */
export const tail = `\
echo
echo "$set_count of $steps positions set, \${#failures[@]} failed"
for failure in \${failures[@]+"\${failures[@]}"}; do
  echo "  failed: $failure"
done
[ "\${#failures[@]}" -eq 0 ]`
