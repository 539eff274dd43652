/** Where the service's certificates are kept between its replicas. */
export interface CertificateSecret {
  /** What is in it, by its names (`tls.crt`); text. */
  readonly data: Readonly<Record<string, string>>
  /** Another with each change. */
  readonly resourceVersion: string
}

/** Writes throw `ConflictError` where somebody else wrote first; all throw what the API server throws. */
export interface CertificateStore {
  /** Undefined: there is no Secret. */
  read(): Promise<CertificateSecret | undefined>
  create(data: Readonly<Record<string, string>>): Promise<void>
  /** All of it, only over the very version that was read. */
  replace(read: CertificateSecret, data: Readonly<Record<string, string>>): Promise<void>
}

/** Whom the API server trusts when it calls us: a caBundle (PEM) for each webhook of our configurations. */
export interface TrustedBundles {
  /** Of configurations that are not there (uninstalled, or not yet installed) there is none. */
  read(): Promise<readonly TrustedBundle[]>
}

export interface TrustedBundle {
  /** `mutatingwebhookconfigurations "holdfast-webhook"`, for people. */
  readonly configuration: string
  /** PEM by the webhook's name; '' where there is none yet. */
  readonly byWebhook: ReadonlyMap<string, string>
  /** Of all its webhooks, only over the very version that was read; throws `ConflictError` else. */
  replace(caBundle: string): Promise<void>
}
