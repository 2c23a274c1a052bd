#!/usr/bin/env node
import { launch } from './launch.mjs'

await launch('kmap', 'cli/kmap/main.ts', import.meta.url)
