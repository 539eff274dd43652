/** The vaults of one stream: each object says by which key it was sealed, and new ones are sealed with the namespace's. */
import type { StreamName } from '../stream-name.ts'
import type { Keyring } from './keyring.ts'
import { PLAIN_KEYRING } from './keyring.ts'
import type { Vault } from './vault.ts'
import { PLAIN_VAULT } from './vault.ts'

export class StreamVaults {
  readonly #stream: StreamName
  readonly #open: () => Promise<Keyring>
  #keyring: Promise<Keyring> | undefined
  readonly #vaults = new Map<string, Vault>()

  /** @param open reads the namespace's key; without it there is none, as for the service, which needs none. */
  constructor(
    stream: StreamName,
    open: () => Promise<Keyring> = () => Promise.resolve(PLAIN_KEYRING),
  ) {
    this.#stream = stream
    this.#open = open
  }

  /**
   * What everything new is sealed with. Looks for the key anew, so that whoever begins to write goes by what is there
   * now. Throws as `openKeyring` does: whoever cannot seal must not write.
   */
  async writing(): Promise<Vault> {
    this.#keyring = undefined
    const keyring = await this.#opened()
    return this.#vault(keyring, keyring.keyId)
  }

  /**
   * For what names this key in its header. What is in clear (undefined) is read without looking for any key. Throws a
   * `WrongKeyError` when the key is another one, or none is given.
   */
  async reading(keyId: string | undefined): Promise<Vault> {
    if (keyId === undefined) return PLAIN_VAULT
    return this.#vaults.get(keyId) ?? this.#vault(await this.#opened(), keyId)
  }

  /** Read once, by whoever asks first. */
  #opened(): Promise<Keyring> {
    this.#keyring ??= this.#open().catch((error: unknown) => {
      this.#keyring = undefined
      throw error
    })
    return this.#keyring
  }

  #vault(keyring: Keyring, keyId: string | undefined): Vault {
    const known = keyId === undefined ? PLAIN_VAULT : this.#vaults.get(keyId)
    if (known !== undefined) return known
    const vault = keyring.vault(this.#stream, keyId)
    if (keyId !== undefined) this.#vaults.set(keyId, vault)
    return vault
  }
}
