/** Whose token it is: needs `create` on tokenreviews. */
import * as v from 'valibot'
import { SERVICE_AUDIENCE } from '../../shared/service-contract.ts'
import type { TokenReviewer } from '../controller/caller.ts'
import type { PodRef } from '../controller/pod-facts.ts'
import type { ClusterApi } from './cluster-api.ts'
import { readObject } from './read-object.ts'
import { TOKEN_REVIEWS } from './resources.ts'

const UserSchema = v.object({
  username: v.nullish(v.string()),
  extra: v.nullish(v.record(v.string(), v.array(v.string()))),
})
type User = v.InferOutput<typeof UserSchema>

const ReviewSchema = v.object({
  status: v.object({
    authenticated: v.nullish(v.boolean()),
    audiences: v.nullish(v.array(v.string())),
    user: v.nullish(UserSchema),
  }),
})

const ACCOUNT = /^system:serviceaccount:([^:]+):[^:]+$/
const POD_NAME = 'authentication.kubernetes.io/pod-name'
const POD_UID = 'authentication.kubernetes.io/pod-uid'

export function tokenReviewer(api: ClusterApi): TokenReviewer {
  return async (token) => {
    const body = {
      apiVersion: `${TOKEN_REVIEWS.group}/${TOKEN_REVIEWS.version}`,
      kind: 'TokenReview',
      spec: { token, audiences: [SERVICE_AUDIENCE] },
    }
    const answer = await api.call({ verb: 'create', resource: TOKEN_REVIEWS, body })
    const { authenticated, audiences, user } = readObject(ReviewSchema, answer).status
    // An authenticator that knows no audiences leaves them out: its word is not for us.
    const isForUs = authenticated === true && audiences?.includes(SERVICE_AUDIENCE) === true
    return isForUs && user ? podOf(user) : undefined
  }
}

/** Undefined: a token of an account, and of no pod. */
function podOf({ username, extra }: User): PodRef | undefined {
  const namespace = ACCOUNT.exec(username ?? '')?.[1]
  const [name, uid] = [extra?.[POD_NAME]?.[0], extra?.[POD_UID]?.[0]]
  if (namespace === undefined || name === undefined || uid === undefined) return undefined
  return { namespace, name, uid }
}
