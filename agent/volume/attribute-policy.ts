/** Which extended attributes are the app's, and go into versions; which are the node's own; all others are listed as lost. */

/** POSIX ACLs are attributes, too; file capabilities let a restored program do what it could. */
const KEPT = /^(?:user\.|trusted\.|system\.posix_acl_(?:access|default)$|security\.capability$)/s
/** Labels and measurements that a node gives by its own policy, and would not take from another one. */
const NODES_OWN = /^security\.(?:selinux|ima|evm|apparmor|SMACK64\w*)$/

export function isKeptAttribute(name: string): boolean {
  return KEPT.test(name)
}

/** Not the app's: neither kept nor missed. */
export function isNodesAttribute(name: string): boolean {
  return NODES_OWN.test(name)
}
