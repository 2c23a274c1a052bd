#!/usr/bin/env node
import { launch } from './launch.mjs'

await launch('kafka-backup', 'cli/main.ts', import.meta.url)
