using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>
/// Raises an eventfd without ever waiting, whatever its other owner has done to it. A write to an eventfd whose count is full waits unless the
/// descriptor is a non-blocking one, which every process that has it can change at any moment. The kernel's own signals do not wait: a request of
/// no bytes is given to the kernel's asynchronous I/O, which is complete at once and told by that eventfd.
/// </summary>
internal static unsafe class PeerSignal
{
    // Completions that nobody has collected yet. They say nothing; they only take up room.
    private const int Room = 256;

    private const ushort Read = 0;
    private const uint TellEventFd = 1;

    private static readonly SystemCalls Calls = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? new(206, 208, 209) : new(0, 4, 2);

    // Both live as long as the process.
    private static readonly int Nothing = Libc.open("/dev/zero", Libc.O_RDONLY | Libc.O_CLOEXEC);
    private static readonly nint Context = Nothing >= 0 ? Setup() : 0;

    /// <summary>False where the system does not allow it to this process.</summary>
    internal static bool IsSupported => Context != 0;

    /// <summary>Raises the count, unless it is full. Any thread may call it; nothing is allocated.</summary>
    /// <param name="fd">The number of an eventfd.</param>
    /// <returns>False where the kernel took no request: the descriptor is no eventfd, or others are just collecting.</returns>
    internal static bool Send(int fd)
    {
        Request request = new() { Operation = Read, File = (uint)Nothing, Flags = TellEventFd, EventFd = (uint)fd };
        if (Submit(&request)) return true;
        if (Marshal.GetLastPInvokeError() != Errno.EAGAIN) return false;
        Completion* completions = stackalloc Completion[Room];
        _ = Libc.syscall(Calls.GetEvents, Context, 0, Room, (nint)completions, 0);
        return Submit(&request);
    }

    // By the same function as the collecting: the runtime allocates when a function of the C library is first called, and that is to have
    // happened before the first frame.
    private static bool Submit(Request* request) => Libc.syscall(Calls.Submit, Context, 1, (nint)(&request), 0, 0) == 1;

    private static nint Setup()
    {
        nint context = 0;
        return Libc.syscall(Calls.Setup, Room, (nint)(&context), 0) == 0 ? context : 0;
    }

    private readonly record struct SystemCalls(nint Setup, nint GetEvents, nint Submit);

    // struct iocb, of a little-endian machine.
    [StructLayout(LayoutKind.Sequential)]
    private struct Request
    {
        public ulong Data;
        public uint Key;
        public int ReadWriteFlags;
        public ushort Operation;
        public short Priority;
        public uint File;
        public ulong Buffer;
        public ulong Bytes;
        public long Offset;
        public ulong Reserved;
        public uint Flags;
        public uint EventFd;
    }

    // struct io_event.
    [StructLayout(LayoutKind.Sequential)]
    private struct Completion
    {
        public ulong Data;
        public ulong Request;
        public long Result;
        public long Result2;
    }
}
