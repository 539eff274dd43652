/** Asks about many things at once, `AT_ONCE` at a time, and gives the answers in the order of the questions. */
const AT_ONCE = 8

export async function* inOrder<T, R>(
  items: readonly T[],
  ask: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const running: Promise<R>[] = []
  let next = 0
  while (running.length > 0 || next < items.length) {
    while (running.length < AT_ONCE && next < items.length) {
      const answer = ask(items[next++] as T)
      answer.catch(() => undefined) // whoever awaits it sees it; nobody does after an earlier one failed
      running.push(answer)
    }
    yield (await running.shift()) as R
  }
}
