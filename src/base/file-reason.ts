const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is no folder',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EMFILE: 'too many files are open',
}

/** Why the system did not let a file be read or written, in words. */
export function fileReason(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === undefined) return cause instanceof Error ? cause.message : String(cause)
  return reasons[code] ?? code
}
