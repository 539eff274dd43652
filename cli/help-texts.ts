/** What `--help` teaches besides the flags. */
export const ABOUT = `Holdfast ships every change of a directory to S3-compatible storage within seconds, and brings any version back.
In a cluster the webhook does this for pods; this command does it for people and scripts.`

export const EXIT_CODES = `
Exit codes:
  0    done
  1    failed, nothing made
  2    the command line reads wrong
  3    made, but partial (verify: something is damaged): the list says what is missing
  10   no such repository, stream or version
  12   encrypted, and the key is another one, or none is given
  130  cancelled`

export const EXAMPLES = {
  replicate: `
Nothing in the directory is ever changed. Without --once it runs until it is told to stop (SIGTERM, Ctrl-C), then ships
what is left and closes the stream; a second Ctrl-C does not wait. A directory that is suddenly empty or missing is
refused: it never makes a version in which everything is deleted.

  holdfast replicate --store s3://backups/holdfast --stream shop/shop/0 --path /var/lib/shop
  holdfast replicate --store file:///mnt/usb --stream home/mail/0 --path ~/Mail --exclude '**/*.lock' --once
  holdfast replicate --store s3://backups --stream shop/shop/0 --path /var/lib/shop --once --tag before-upgrade`,
  restore: `
One declared path: its content goes into DIR itself. Several: into DIR/<path without the leading slash>. A declared path
that is a file: into DIR/<its name>. Only what differs is fetched. Nothing is written to the repository.

  holdfast restore --store s3://backups/holdfast --stream shop/shop/0 --to /tmp/shop --dry-run
  holdfast restore --store s3://backups/holdfast --stream shop/shop/0 --to /tmp/shop --version v42`,
  versions: `
  holdfast versions --store s3://backups/holdfast
  holdfast versions --store s3://backups/holdfast --stream shop/shop/0 --output json`,
  show: `
  holdfast show latest --store s3://backups/holdfast --stream shop/shop/0 --files`,
  verify: `
Every byte is read once, however many versions share it. Exit code 3: something is damaged, and the table says which
files of which versions are lost; 1: it could not be found out. The verdict is recorded for holdfast versions and show,
and damage is noted for the agent, which ships the files again if it still has them; both need credentials that may write.

  holdfast verify --store s3://backups/holdfast
  holdfast verify --store s3://backups/holdfast --stream shop/shop/0 --sample 5%
  holdfast verify --store s3://backups/holdfast --stream shop/shop/0 --version v42`,
  diff: `
  holdfast diff v41 v42 --store s3://backups/holdfast --stream shop/shop/0
  holdfast diff before-upgrade latest --store s3://backups/holdfast --stream shop/shop/0 --output json`,
  keyInit: `
The key comes from HOLDFAST_KEY or the file that HOLDFAST_KEY_FILE names: 32 random bytes in base64 or hex. Whoever loses
it loses the data: keep a copy outside of the cluster and of the store. Every command and agent that touches the
namespace needs it from then on; what was written before stays in clear.

  HOLDFAST_KEY=$(openssl rand -base64 32) holdfast key init --store s3://backups/holdfast --namespace shop`,
  keyRotate: `
The data key is wrapped once more, with the key in HOLDFAST_NEW_KEY or HOLDFAST_NEW_KEY_FILE; no data is written again. Both
keys open until the old one's wraps are removed: rotate, give every pod the new key, then remove the old wraps.

  holdfast key rotate --store s3://backups/holdfast --namespace shop
  holdfast key rotate --store s3://backups/holdfast --namespace shop --remove-old`,
  keyCheck: `
Exit code 0: the key is right. 10: the namespace has no key. 12: it is another key, or none is given. 1: the store cannot
be reached, or something is corrupt.

  holdfast key check --store s3://backups/holdfast --namespace shop`,
  prune: `
Never to be given an agent's credentials: it needs the right to remove objects, agents do not have it. The first run
names what it would remove; from then on that is restored no more, and holdfast hold add saves it. A run a day later, by
the server's clock, removes it. Run it once a day.

  holdfast prune shop/shop/0 --store s3://backups/holdfast --dry-run
  holdfast prune --store s3://backups/holdfast
  holdfast prune shop/shop/0 --store s3://backups/holdfast --keep all=1h,daily=30`,
  hold: `
  holdfast hold add v42 --store s3://backups/holdfast --stream shop/shop/0 --note 'the audit of May'
  holdfast hold list --store s3://backups/holdfast --stream shop/shop/0
  holdfast hold remove v42 --store s3://backups/holdfast --stream shop/shop/0`,
} as const
