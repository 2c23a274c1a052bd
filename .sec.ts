import { writeFileSync, mkdirSync, chmodSync } from 'node:fs'
import { makeAuthority } from './test/support/certificates.ts'
import { unsecuredToken } from './test/support/secured-broker.ts'
const f = makeAuthority('foreign').issue('admin')
writeFileSync('/tmp/kg/foreign.pem', f.cert); writeFileSync('/tmp/kg/foreign.key', f.key)
writeFileSync('/tmp/kg/token', unsecuredToken('admin')); writeFileSync('/tmp/kg/token-old', unsecuredToken('admin', -3600))
