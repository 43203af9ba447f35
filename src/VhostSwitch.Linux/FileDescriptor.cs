using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VhostSwitch.Linux;

/// <summary>An open file descriptor that is owned, and closed exactly once.</summary>
public sealed class FileDescriptor : SafeHandleMinusOneIsInvalid
{
    /// <summary>Takes over an open descriptor.</summary>
    /// <param name="fd">The descriptor's number; this object closes it.</param>
    public FileDescriptor(int fd)
        : base(ownsHandle: true) => SetHandle(fd);

    /// <summary>The descriptor's number. Valid as long as this object is not disposed.</summary>
    public int Number => (int)handle;

    /// <summary>The size of the file behind the descriptor in bytes, or -1 where it has none (a pipe, a socket, an eventfd).</summary>
    public long FileSize()
    {
        const int SeekEnd = 2;
        return Libc.lseek(Number, 0, SeekEnd);
    }

    /// <summary>True where the file can never become shorter while it is mapped (<c>F_SEAL_SHRINK</c> is set).</summary>
    public bool IsSealedAgainstShrinking()
    {
        int seals = Libc.fcntl(Number, Libc.F_GET_SEALS, 0);
        return seals >= 0 && (seals & Libc.F_SEAL_SHRINK) != 0;
    }

    /// <summary>Makes reads and writes return <see cref="Errno.EAGAIN"/> where they would wait.</summary>
    /// <exception cref="LinuxException">The descriptor refuses it.</exception>
    public void SetNonBlocking()
    {
        int flags = Libc.fcntl(Number, Libc.F_GETFL, 0);
        if (flags < 0 || Libc.fcntl(Number, Libc.F_SETFL, flags | Libc.O_NONBLOCK) < 0)
            throw LinuxException.Last("fcntl(F_SETFL, O_NONBLOCK)");
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Libc.close((int)handle) == 0;
}
