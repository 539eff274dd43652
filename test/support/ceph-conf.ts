/** Where one throw-away Ceph lives. */
export interface CephPlace {
  readonly dir: string
  readonly s3Port: number
  readonly monPort: number
  readonly fsid: string
}

/**
 * The configuration of one monitor, one OSD that keeps its objects in memory, and one S3 gateway, all on loopback.
 * Everything that is not needed to answer S3 requests quickly is off.
 */
export function cephConf({ dir, s3Port, monPort, fsid }: CephPlace): string {
  const sections = {
    global: {
      fsid,
      'mon host': `[v2:127.0.0.1:${monPort}]`,
      'public addr': '127.0.0.1',
      'cluster addr': '127.0.0.1',
      'ms bind msgr1': 'false',
      // Inside, nobody authenticates: it is loopback, and gone in a minute. The S3 face keeps its full signatures.
      'auth cluster required': 'none',
      'auth service required': 'none',
      'auth client required': 'none',
      // Without it the gateway insists on an encrypted monitor session, which needs the authentication above.
      'ms mon client mode': 'crc',
      keyring: '/dev/null',
      'run dir': dir,
      'crash dir': dir,
      'admin socket': `${dir}/$name.asok`,
      'log file': `${dir}/$name.log`,
      'log to stderr': 'false',
      'mon cluster log to file': 'false',
      'osd pool default size': '1',
      'osd pool default min size': '1',
      'osd pool default pg num': '4',
      'osd pool default pgp num': '4',
      'osd pool default pg autoscale mode': 'off',
      'osd crush chooseleaf type': '0',
    },
    mon: {
      'mon data': `${dir}/mon`,
      'mon allow pool size one': 'true',
      'mon warn on pool no redundancy': 'false',
      'auth allow insecure global id reclaim': 'false',
      // A test machine's disk may well be nearly full.
      'mon data avail crit': '0',
      'mon data avail warn': '1',
      // By default map changes are gathered for a second; they are most of the start time.
      'mon tick interval': '1',
      'paxos propose interval': '0.01',
      'paxos min wait': '0.01',
    },
    osd: {
      'osd data': `${dir}/osd`,
      'osd objectstore': 'memstore',
      'memstore device bytes': String(4 * 1024 ** 3),
      'osd class load list': '*',
      'osd class default list': '*',
    },
    client: {
      'rgw data': `${dir}/rgw`,
      // Without tcp_nodelay every small GET waits 40 ms for a delayed acknowledgement.
      'rgw frontends': `beast endpoint=127.0.0.1:${s3Port} tcp_nodelay=1`,
      'rgw thread pool size': '32',
      'rgw rados pool pg num min': '4',
      'rgw run sync thread': 'false',
      // Deleted bytes lie in memory: they are given back within a minute instead of hours.
      'rgw gc obj min wait': '20',
      'rgw gc processor period': '20',
      'rgw gc processor max time': '20',
      // Fewer shards to make at the first start.
      'rgw data log num shards': '1',
      'rgw md log max shards': '1',
      'rgw num control oids': '1',
      'rgw gc max objs': '1',
      'rgw lc max objs': '1',
      'rgw objexp hints num shards': '1',
      'rgw override bucket index max shards': '1',
    },
  }
  return Object.entries(sections)
    .map(([name, settings]) => `[${name}]\n${formatSettings(settings)}\n`)
    .join('')
}

function formatSettings(settings: Record<string, string>): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key} = ${value}`)
    .join('\n')
}
