/** On a Node that is older than this the binary of better-sqlite3 ends the process by a segmentation fault. */
export const isTooOld = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < 22 || (major === 22 && minor < 18)
}
