/** What `--help` teaches besides the flags. */
export const ABOUT = `Holdfast ships every change of a directory to S3-compatible storage within seconds, and brings any version back.
In a cluster the webhook does this for pods; this command does it for people and scripts.`

export const EXIT_CODES = `
Exit codes:
  0    done
  1    failed, nothing made
  2    the command line reads wrong
  3    made, but partial: the list says what is missing
  10   no such repository, stream or version
  12   wrong key (of an encrypted repository)
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
Each pack is read once. Exit code 1: something is damaged, and the table says which files of which versions are lost.

  holdfast verify --store s3://backups/holdfast
  holdfast verify --store s3://backups/holdfast --stream shop/shop/0 --version v42`,
  diff: `
  holdfast diff v41 v42 --store s3://backups/holdfast --stream shop/shop/0
  holdfast diff before-upgrade latest --store s3://backups/holdfast --stream shop/shop/0 --output json`,
} as const
