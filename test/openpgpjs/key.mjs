// Makes a key as OpenPGP.js applications do: node key.mjs 4|4-aead|6 ADDRESS PUBLIC SECRET
import { writeFileSync } from 'node:fs'
import * as openpgp from 'openpgp'

const [kind, email, publicFile, secretFile] = process.argv.slice(2)
const { publicKey, privateKey } = await openpgp.generateKey({
  userIDs: [{ email }],
  type: kind === '6' ? 'curve25519' : 'ecc',
  ...(kind === '6' ? {} : { curve: 'curve25519Legacy' }),
  config: { v6Keys: kind === '6', aeadProtect: kind !== '4' },
})
writeFileSync(publicFile, publicKey)
writeFileSync(secretFile, privateKey)
