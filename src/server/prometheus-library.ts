// The library is CommonJS: imported here alone, and only when metrics are wanted.
export { Counter, Gauge, Registry } from 'prom-client'
