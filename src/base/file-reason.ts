const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'the operation is not permitted',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is no folder',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the disk',
  EDQUOT: 'the disk quota is used up',
  EMFILE: 'too many files are open',
}

/** Why the system did not let a file be read or written, in words. */
export function fileReason(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === undefined) return cause instanceof Error ? cause.message : String(cause)
  return reasons[code] ?? code
}
