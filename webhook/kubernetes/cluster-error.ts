import { HoldfastError } from '../../shared/errors.ts'

/** The API server answered, and not with what was asked for. */
export class ClusterError extends HoldfastError {}

/** There is no such object. */
export class MissingObjectError extends ClusterError {}

/** Somebody else was first: the object is another version than the one that was changed, or exists already. */
export class ConflictError extends ClusterError {}

/** Our ServiceAccount lacks a right; the message names it. */
export class ForbiddenError extends ClusterError {}

/** The resourceVersion is older than what the API server remembers: list anew. */
export class ExpiredError extends ClusterError {}

/** Nobody answered, or only that it cannot answer now: nothing is known, also not whether a write was done. */
export class ClusterUnreachableError extends HoldfastError {}
