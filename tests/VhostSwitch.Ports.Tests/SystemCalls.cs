using System.Runtime.InteropServices;

namespace VhostSwitch.Ports.Tests;

/// <summary>What a hostile process does to descriptors that it shares, and the class library does not.</summary>
internal static unsafe partial class SystemCalls
{
    private const int F_GETFL = 3;
    private const int F_SETFL = 4;
    private const int O_NONBLOCK = 0x800;
    private const int RLIMIT_NOFILE = 7;

    /// <summary>Makes reads and writes of a descriptor wait, on both sides: the flag belongs to what the descriptor leads to.</summary>
    public static void SetBlocking(int fd)
    {
        if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL, 0) & ~O_NONBLOCK) < 0) throw new InvalidOperationException("fcntl");
    }

    /// <summary>Writes a number to an eventfd.</summary>
    public static bool Write(int fd, ulong number) => write(fd, &number, sizeof(ulong)) == sizeof(ulong);

    /// <summary>Makes a file shorter or longer.</summary>
    public static void SetLength(int fd, nint length)
    {
        if (ftruncate(fd, length) < 0) throw new InvalidOperationException("ftruncate");
    }

    /// <summary>Sets how many descriptors this process may have.</summary>
    /// <returns>How many it might have before.</returns>
    public static ulong SetDescriptorLimit(ulong limit)
    {
        ulong* limits = stackalloc ulong[2];
        if (getrlimit(RLIMIT_NOFILE, limits) < 0) throw new InvalidOperationException("getrlimit");
        ulong before = limits[0];
        limits[0] = limit;
        return setrlimit(RLIMIT_NOFILE, limits) == 0 ? before : throw new InvalidOperationException("setrlimit");
    }

    [LibraryImport("libc")] private static partial int fcntl(int fd, int cmd, nint arg);
    [LibraryImport("libc")] private static partial nint write(int fd, void* buf, nuint count);
    [LibraryImport("libc")] private static partial int ftruncate(int fd, nint length);
    [LibraryImport("libc")] private static partial int getrlimit(int resource, void* limits);
    [LibraryImport("libc")] private static partial int setrlimit(int resource, void* limits);
}
