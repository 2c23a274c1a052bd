import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { javaHostPort } from './java-host.ts'
import { quickJava } from './java-programs.ts'
import type { KafkaVersion } from './kafka-jars.ts'
import { kafkaTools } from './kafka-tools.ts'

/** A file that starts one of Kafka's tools, as `kafka-….sh` of its distribution does. Its path holds a space. */
export async function toolWrapper(
  folder: string,
  tool: keyof typeof kafkaTools,
  version: KafkaVersion = '4.2.0',
): Promise<string> {
  const java = (await quickJava(version, '192m')).map((word) => `'${word}'`).join(' ')
  return await program(folder, `kafka ${tool} ${version}`, `exec java ${java} ${kafkaTools[tool]} "$@"`)
}

/**
 * The same for scripts that call a tool many times: it runs in the tests' JVM, where a call takes a twentieth of the CPU. Arguments, output and
 * exit status are passed on as they are. Of paths it takes absolute ones only, and nothing on standard input.
 */
export async function hostedToolWrapper(folder: string, tool: keyof typeof kafkaTools): Promise<string> {
  const port = await javaHostPort()
  return await program(
    folder,
    `kafka ${tool} hosted`,
    `
exec 3<>/dev/tcp/127.0.0.1/${port}
request=$'tool\t${kafkaTools[tool]}\t'
for word; do request+=$'\t'$(printf %s "$word" | base64 -w0); done
printf '%s\n' "$request" >&3
# Fields may be empty, which \`read\` keeps only between other characters than blanks.
IFS= read -r answer <&3
IFS='|' read -r kind status out err <<<"\${answer//$'\t'/|}"
[ "$kind" = r ] || { echo "$answer" >&2; exit 97; }
base64 -d <<<"$out"
base64 -d <<<"$err" >&2
exit "$status"
`,
  )
}

async function program(folder: string, name: string, text: string): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, `#!/bin/bash\n${text}\n`, { mode: 0o755 })
  return file
}
