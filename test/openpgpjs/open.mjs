// Opens an armored OpenPGP message from stdin with the secret key file given
// and writes what is in it: OpenPGP.js as one of the clients that must be able to.
import { readFileSync } from 'node:fs'
import * as openpgp from 'openpgp'

const [keyFile] = process.argv.slice(2)
const decryptionKeys = await openpgp.readPrivateKey({ armoredKey: readFileSync(keyFile, 'utf8') })
const message = await openpgp.readMessage({ armoredMessage: readFileSync(0, 'utf8') })
const { data } = await openpgp.decrypt({ message, decryptionKeys, format: 'binary' })
process.stdout.write(data)
