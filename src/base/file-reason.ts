const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'the operation is not permitted',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is no folder',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left',
  EDQUOT: 'the quota is used up',
  EFBIG: 'the largest file size allowed is reached',
  EMFILE: 'too many files are open in this process',
  ENFILE: 'too many files are open on this machine',
  EAGAIN: 'the file system is busy',
  EBUSY: 'the file system is busy',
  ENOMEM: 'the machine is short of memory',
  ENOBUFS: 'the machine is short of memory',
  EINTR: 'the call was interrupted',
  ETIMEDOUT: 'the file server did not answer',
  ESTALE: 'the file server lost track of the folder',
  EIO: 'the device reports an input/output error',
}

/** What a code of the system for a failed file operation means, in words; one that is not known is given back with its name. */
export function systemReason(code: string): string {
  return reasons[code] ?? `the system answers ${code}`
}

/** Why the system did not let a file be read or written, in words. */
export function fileReason(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === undefined) return cause instanceof Error ? cause.message : String(cause)
  return systemReason(code)
}
