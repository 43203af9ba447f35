using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>A system call failed. The message has the call, the object it was made for and the system's own text.</summary>
public sealed class LinuxException : Exception
{
    /// <summary>Makes the exception for one failed call.</summary>
    /// <param name="call">The call and what it was for, for example <c>bind /tmp/a.sock</c>.</param>
    /// <param name="errno">The error number, as in <c>errno.h</c>.</param>
    public LinuxException(string call, int errno)
        : base($"{call}: {Marshal.GetPInvokeErrorMessage(errno)}") => Errno = errno;

    /// <summary>The error number, as in <c>errno.h</c>; the ones this project decides on are in <see cref="Linux.Errno"/>.</summary>
    public int Errno { get; }

    /// <summary>Makes the exception from the error of the last call that was declared with <c>SetLastError</c>. Call it at once.</summary>
    internal static LinuxException Last(string call) => new(call, Marshal.GetLastPInvokeError());
}

/// <summary>The error numbers that this project decides on. The same on x86-64 and arm64.</summary>
public static class Errno
{
    /// <summary>Operation not permitted.</summary>
    public const int EPERM = 1;

    /// <summary>No such file or directory.</summary>
    public const int ENOENT = 2;

    /// <summary>There is no such thread or process.</summary>
    public const int ESRCH = 3;

    /// <summary>Interrupted by a signal.</summary>
    public const int EINTR = 4;

    /// <summary>Input or output failed; a TAP interface that is set down.</summary>
    public const int EIO = 5;

    /// <summary>No such device or address.</summary>
    public const int ENXIO = 6;

    /// <summary>Would block.</summary>
    public const int EAGAIN = 11;

    /// <summary>Out of memory, for example no free huge page.</summary>
    public const int ENOMEM = 12;

    /// <summary>Permission denied.</summary>
    public const int EACCES = 13;

    /// <summary>In use by another process.</summary>
    public const int EBUSY = 16;

    /// <summary>It is there already.</summary>
    public const int EEXIST = 17;

    /// <summary>No such device.</summary>
    public const int ENODEV = 19;

    /// <summary>A part of the path is not a directory.</summary>
    public const int ENOTDIR = 20;

    /// <summary>Invalid argument.</summary>
    public const int EINVAL = 22;

    /// <summary>Too many open files in the system.</summary>
    public const int ENFILE = 23;

    /// <summary>Too many open files in this process.</summary>
    public const int EMFILE = 24;

    /// <summary>No room left in a table or a disk.</summary>
    public const int ENOSPC = 28;

    /// <summary>The other side closed the connection.</summary>
    public const int EPIPE = 32;

    /// <summary>The descriptor has lost what it stood for; a TAP interface that was deleted.</summary>
    public const int EBADFD = 77;

    /// <summary>Longer than what takes it.</summary>
    public const int EMSGSIZE = 90;

    /// <summary>Not possible with this object.</summary>
    public const int EOPNOTSUPP = 95;

    /// <summary>The address is in use.</summary>
    public const int EADDRINUSE = 98;

    /// <summary>The interface is down.</summary>
    public const int ENETDOWN = 100;

    /// <summary>Connection reset by the other side.</summary>
    public const int ECONNRESET = 104;

    /// <summary>No room for it: a queue of the kernel, or a limit of the process.</summary>
    public const int ENOBUFS = 105;

    /// <summary>Nobody listens there.</summary>
    public const int ECONNREFUSED = 111;
}
