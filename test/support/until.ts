/**
 * Waits for a condition, not for a time: asks again after each turn of the loop until it holds or the test times out.
 */
export const until = async (
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 10_000
): Promise<void> => {
  const deadline = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`did not come about within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => {
      setTimeout(resolve, 1)
    })
  }
}
