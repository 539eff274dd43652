/** Asks about many things, `atOnce` at a time, and gives the answers in the order of the questions. */
export async function* inOrder<T, R>(
  items: readonly T[],
  ask: (item: T) => Promise<R>,
  atOnce = 8,
): AsyncGenerator<R> {
  const running: Promise<R>[] = []
  let next = 0
  while (running.length > 0 || next < items.length) {
    while (running.length < atOnce && next < items.length) {
      const answer = ask(items[next++] as T)
      answer.catch(() => undefined) // whoever awaits it sees it; nobody does after an earlier one failed
      running.push(answer)
    }
    yield (await running.shift()) as R
  }
}
