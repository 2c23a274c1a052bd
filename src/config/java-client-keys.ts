/**
 * Names of the properties that Kafka's Java clients know (4.2: consumer, producer and admin), for telling a mistake from a property
 * that has no meaning here.
 */
const plain = `
allow.auto.create.topics auto.commit.interval.ms auto.offset.reset bootstrap.controllers bootstrap.servers check.crcs
client.dns.lookup client.id client.rack config.providers connections.max.idle.ms default.api.timeout.ms enable.auto.commit
enable.metrics.push exclude.internal.topics fetch.max.bytes fetch.max.wait.ms fetch.min.bytes group.id group.instance.id
group.protocol group.remote.assignor heartbeat.interval.ms interceptor.classes isolation.level key.deserializer
max.partition.fetch.bytes max.poll.interval.ms max.poll.records metadata.max.age.ms
metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy metric.reporters metrics.num.samples
metrics.recording.level metrics.sample.window.ms partition.assignment.strategy receive.buffer.bytes
reconnect.backoff.max.ms reconnect.backoff.ms request.timeout.ms retry.backoff.max.ms retry.backoff.ms security.protocol
security.providers send.buffer.bytes session.timeout.ms share.acknowledgement.mode share.acquire.mode
socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms value.deserializer acks batch.size buffer.memory
compression.gzip.level compression.lz4.level compression.type compression.zstd.level delivery.timeout.ms
enable.idempotence key.serializer linger.ms max.block.ms max.in.flight.requests.per.connection max.request.size
metadata.max.idle.ms partitioner.adaptive.partitioning.enable partitioner.availability.timeout.ms partitioner.class
partitioner.ignore.keys retries transaction.timeout.ms transaction.two.phase.commit.enable transactional.id
value.serializer auto.include.jmx.reporter`

const sasl = `
client.callback.handler.class jaas.config kerberos.kinit.cmd kerberos.min.time.before.relogin kerberos.service.name
kerberos.ticket.renew.jitter kerberos.ticket.renew.window.factor login.callback.handler.class login.class
login.connect.timeout.ms login.read.timeout.ms login.refresh.buffer.seconds login.refresh.min.period.seconds
login.refresh.window.factor login.refresh.window.jitter login.retry.backoff.max.ms login.retry.backoff.ms mechanism
oauthbearer.assertion.algorithm oauthbearer.assertion.claim.aud oauthbearer.assertion.claim.exp.seconds
oauthbearer.assertion.claim.iss oauthbearer.assertion.claim.jti.include oauthbearer.assertion.claim.nbf.seconds
oauthbearer.assertion.claim.sub oauthbearer.assertion.file oauthbearer.assertion.private.key.file
oauthbearer.assertion.private.key.passphrase oauthbearer.assertion.template.file
oauthbearer.client.credentials.client.id oauthbearer.client.credentials.client.secret oauthbearer.clock.skew.seconds
oauthbearer.expected.audience oauthbearer.expected.issuer oauthbearer.header.urlencode
oauthbearer.jwks.endpoint.refresh.ms oauthbearer.jwks.endpoint.retry.backoff.max.ms
oauthbearer.jwks.endpoint.retry.backoff.ms oauthbearer.jwks.endpoint.url oauthbearer.jwt.retriever.class
oauthbearer.jwt.validator.class oauthbearer.scope oauthbearer.scope.claim.name oauthbearer.sub.claim.name
oauthbearer.token.endpoint.url`

const ssl = `
cipher.suites enabled.protocols endpoint.identification.algorithm engine.factory.class key.password keymanager.algorithm
keystore.certificate.chain keystore.key keystore.location keystore.password keystore.type protocol provider
secure.random.implementation trustmanager.algorithm truststore.certificates truststore.location truststore.password
truststore.type`

const words = (text: string) => text.trim().split(/\s+/)

/** Every name. */
export const javaClientKeys: ReadonlySet<string> = new Set([
  ...words(plain),
  ...words(sasl).map((name) => `sasl.${name}`),
  ...words(ssl).map((name) => `ssl.${name}`),
])

const bytesAsTheyAre = 'record batches are copied byte for byte'

/** Why a property that the Java clients know has no effect; for what is not listed, that there is nothing like it. */
export const javaKeyReasons: Readonly<Record<string, string>> = {
  acks: 'writes are always acknowledged by all in-sync replicas',
  'enable.idempotence': 'writes are always idempotent',
  retries: 'what can be tried again is tried again until the delivery timeout',
  'batch.size': bytesAsTheyAre,
  'linger.ms': bytesAsTheyAre,
  'compression.type': `${bytesAsTheyAre}, in their own compression`,
  'compression.gzip.level': bytesAsTheyAre,
  'compression.lz4.level': bytesAsTheyAre,
  'compression.zstd.level': bytesAsTheyAre,
  'key.serializer': bytesAsTheyAre,
  'value.serializer': bytesAsTheyAre,
  'key.deserializer': bytesAsTheyAre,
  'value.deserializer': bytesAsTheyAre,
  'max.poll.records': bytesAsTheyAre,
  'check.crcs': 'checksums are always checked',
  'transactional.id': 'transactional ids follow from the name of the pipeline',
  'group.id': 'group names follow from the name of the pipeline',
  'enable.auto.commit': 'the copy keeps its place in the control topic',
  'auto.commit.interval.ms': 'the copy keeps its place in the control topic',
  'partitioner.class': 'replication.sink.partition decides',
  'interceptor.classes': 'Java classes cannot be loaded',
  'metric.reporters': 'Java classes cannot be loaded',
  'security.providers': 'Java classes cannot be loaded',
  'sasl.client.callback.handler.class': 'Java classes cannot be loaded',
  'sasl.login.class': 'Java classes cannot be loaded',
  'ssl.engine.factory.class': 'Java classes cannot be loaded',
}
