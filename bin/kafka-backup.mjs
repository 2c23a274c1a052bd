#!/usr/bin/env node
import { launch } from './launch.mjs'

await launch('kafka-backup', 'main', import.meta.url)
