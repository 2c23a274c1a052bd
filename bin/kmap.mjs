#!/usr/bin/env node
import { launch } from './launch.mjs'

await launch('kmap', 'kmap/main', import.meta.url)
