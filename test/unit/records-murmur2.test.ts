import assert from 'node:assert/strict'
import { it } from 'node:test'
import { murmur2, partitionForKey } from '../../src/records/index.ts'

/** Key in hex, the hash, and the partition of 7, as Kafka's own class computes them. */
const fromJava: readonly (readonly [string, number, number])[] = [
  ['', 275646681, 2],
  ['73', -342070737, 1],
  ['d89c', 4774570, 3],
  ['6f0efb', 988846311, 5],
  ['92f94d68', -1555930782, 2],
  ['fccc2c35f0', 1078096385, 2],
  ['e5f12c55dd85', 1972921184, 3],
  ['d5d9bef76808f3', -1431406067, 2],
  ['72e5900112b81927', -1025884615, 2],
  ['ba5bb5f67e1bda28b4', -1881627410, 4],
  ['e4aed78db15d7bf2fc0c', -1245497920, 0],
  ['a99de4ef3bc2b17c8137ad', 2020362660, 1],
  ['9878f9e93df1f658367aca28', 2128784680, 1],
  ['6452474b9ef3765e24e9a88173', 1225736664, 5],
  ['fb04b01dcceb0c8aead641c58dad', -827926404, 5],
  ['81baeea87c10d40a47902028e61cfd', -466978358, 2],
  ['43d9d16008aabc9fb77cc723a56017e1', -1922765112, 0],
  ['4f1ce8b1698341734a6823ce02043e016b', -892024151, 5],
  ['214a2ddab82fec85c0b9fe0549c475be5b88', 292731551, 0],
  ['b8995b24fb5c6846f88b527b4f9d4c1391f167', 513129706, 5],
  [
    '23ba4f9c9cd7bc93eb5776f4f03675344864294661c5949faf17b130fcf6482f971a5500ac36bc02d897fbaea8223a2924827b7c9300952dc0c8cd7c4776578ae93767208f2f4df9845b55216546d43e0e7fce347052ff64e7e37cd8d3c5b4376a0f1368',
    -2082449857,
    4,
  ],
  [
    '9000986e75b428f30319b03b49c851854b0fd1e3ebd8226396cacf096f4b7445ae2aa697d5d2e11c3375b9a75dc4923a6dc5ad1e79fcebfd9ab608a7d25f14961a94fcfbf3b553f6f8bfec349437e1439407e95fa1c0e65c7c179e766fb6e0e0bc7a6755c06c6d4a29',
    -2120875084,
    3,
  ],
  [
    '7eb82b0d6f070f81577dfc2eee34bdffa8eb09a3af3662a153e62647f37fdae86d3446572300f681f3c80a4435bfcf7de21ade1dc1ccc46d66520723542ddf4ef983cc8bc970a2b7b1609f7eabcd60f6063bf003f450a135d611e75ba1b6322c7e0f133eed26888c32a118cd3e2d',
    1501856611,
    3,
  ],
  [
    '018b1e1c00197b962637cf84016608ca9983d7861019f2b2f98e2c5ceffe6234440e4a71cebe4141fd9618b3ef8625c7af95a32c28119b39ef6e18b355a6acfb4419d1edfef2b9cda3682cbdbbbc18d666d813171b27c129e0eefa6f170833a3fbed1e52621f3e02887688a70aa995a12aa074',
    -1794987169,
    6,
  ],
]

it('hashes keys of every length like the Java client', () => {
  for (const [hex, hash, partition] of fromJava) {
    const key = Buffer.from(hex, 'hex')
    assert.equal(murmur2(key), hash, hex)
    assert.equal(partitionForKey(key, 7), partition, hex)
  }
  assert.equal(murmur2(Buffer.from('foobar')), -790332482)
  assert.equal(murmur2(Buffer.from('schlüssel')), 331429656)
})

it('takes an empty key for a key, and leaves a null key to the caller', () => {
  assert.equal(partitionForKey(Buffer.alloc(0), 7), 2)
  assert.equal(partitionForKey(null, 7), undefined)
})
