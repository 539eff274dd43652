/** What Linux says of a running process. All of it is gone with the process: then it is 0. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

/** Linux counts CPU time in hundredths of a second, on every architecture that Node runs on. */
const TICK_MS = 10

export interface Memory {
  readonly rssBytes: number
  /** The most that it ever had (VmHWM). */
  readonly peakRssBytes: number
}

export function memoryOf(pid: number): Memory {
  const status = read(`/proc/${pid}/status`)
  const kilobytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
  return { rssBytes: kilobytes('VmRSS') * 1024, peakRssBytes: kilobytes('VmHWM') * 1024 }
}

/** User and system time of a process and of the children that it has waited for. */
export function cpuMsOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`)
  // The second field, the name in parentheses, may hold anything. Fields 14 to 17 are what follows it from 11 on.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * TICK_MS, 0)
}

/** A process's descendants, without itself. */
export function descendantsOf(pid: number): number[] {
  const children = list(`/proc/${pid}/task`).flatMap((task) =>
    read(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number),
  )
  return children.flatMap((child) => [child, ...descendantsOf(child)])
}

/** How many inotify watches a process holds. */
export function watchesOf(pid: number): number {
  const descriptors = list(`/proc/${pid}/fd`).filter((fd) => isInotify(`/proc/${pid}/fd/${fd}`))
  return descriptors.reduce(
    (sum, fd) => sum + read(`/proc/${pid}/fdinfo/${fd}`).split('inotify wd:').length - 1,
    0,
  )
}

function isInotify(link: string): boolean {
  try {
    return readlinkSync(link) === 'anon_inode:inotify'
  } catch {
    return false
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
