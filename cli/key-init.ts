/** `holdfast key init`: a data key for a namespace, wrapped with the key at hand. */
import { HoldfastError, UsageError } from '../shared/errors.ts'
import { wrapDataKey } from '../shared/encryption/key-wrap.ts'
import { openKeyring } from '../shared/encryption/keyring.ts'
import { createWrap, newDataKey } from '../shared/encryption/wrap-chain.ts'
import { STREAMS_PREFIX } from '../shared/repository/object-keys.ts'
import { EXIT } from './exit-codes.ts'
import type { KeyNamespace, KeyOptions } from './key-namespace.ts'
import { openKeyNamespace } from './key-namespace.ts'
import type { Surroundings } from './surroundings.ts'

export async function keyInit(options: KeyOptions, surroundings: Surroundings): Promise<number> {
  const { terminal } = surroundings
  const from = await openKeyNamespace(options, surroundings)
  const { store, patience, namespace, wraps, key } = from
  if (key === undefined)
    throw new UsageError(
      'no key is given: set HOLDFAST_KEY or HOLDFAST_KEY_FILE; "openssl rand -base64 32" makes one',
    )
  if (wraps.length > 0) throw hasKeyAlready(from)
  const dataKey = newDataKey()
  const at = patience.clock.now().toISOString()
  const wrap = wrapDataKey({ namespace, n: 1, at }, dataKey, key.bytes)
  if (!(await createWrap(store, wrap))) throw hasKeyAlready(from)
  // Read back before anything relies on it.
  const { keyId } = await openKeyring(store, namespace, key)
  if (options.output === 'json') terminal.printJson({ namespace, key: keyId, wrap: 1 })
  else terminal.print(`namespace ${namespace} is encrypted from here on, with key ${keyId}`)
  terminal.note(`whoever loses the key in ${key.from} loses what is written with it: keep a copy`)
  if ((await store.folders(`${STREAMS_PREFIX}${namespace}/`)).length > 0)
    terminal.note(
      'what was written before stays in clear; agents that run go on in clear until they are restarted with the key',
    )
  return EXIT.done
}

function hasKeyAlready({ namespace, wraps }: KeyNamespace): HoldfastError {
  const known = wraps[0]?.wrap?.key
  return new HoldfastError(
    `namespace ${namespace} has a key already${known === undefined ? '' : `, ${known}`}: it is made once; "holdfast key rotate" changes what opens it`,
  )
}
