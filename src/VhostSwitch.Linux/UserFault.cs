using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>
/// Page faults that another process answers (<c>userfaultfd</c>): who touches a missing page of a registered range waits in the
/// kernel until whoever holds the descriptor has put the page in place.
/// </summary>
public sealed unsafe class UserFault : IDisposable
{
    private const ulong Api = 0xAA;
    private const nuint ApiRequest = 0xC018AA3F;
    private const nuint RegisterRequest = 0xC020AA00;
    private const nuint UnregisterRequest = 0x8010AA01;
    private const ulong ModeMissing = 1;

    // Faults of user space only: all an unprivileged process may ask for, and all that is needed.
    private const int UserModeOnly = 1;

    private readonly FileDescriptor _fd;
    private readonly List<Range> _ranges = [];

    private UserFault(FileDescriptor fd) => _fd = fd;

    /// <summary>The descriptor's number, to hand over.</summary>
    public int Number => _fd.Number;

    /// <summary>Opens a descriptor without ranges.</summary>
    /// <exception cref="LinuxException">The kernel does not have it or does not allow it to this user.</exception>
    public static UserFault Open()
    {
        int call = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 323 : 282;
        nint fd = Libc.syscall(call, Libc.O_CLOEXEC | Libc.O_NONBLOCK | UserModeOnly, 0, 0);
        if (fd < 0) throw LinuxException.Last("userfaultfd");
        var descriptor = new FileDescriptor((int)fd);
        var version = new ApiVersion { Api = Api };
        if (Libc.ioctl(descriptor.Number, ApiRequest, &version) == 0) return new UserFault(descriptor);
        var error = LinuxException.Last("ioctl(UFFDIO_API)");
        descriptor.Dispose();
        throw error;
    }

    /// <summary>Has faults on a mapping's missing pages answered by the other process from now on.</summary>
    /// <param name="mapping">The mapping.</param>
    /// <exception cref="LinuxException">The kernel refuses: memory that cannot be handled so.</exception>
    public void Register(MemoryMapping mapping)
    {
        var range = new Range { Start = (ulong)mapping.Address, Length = mapping.Length };
        var request = new Registration { Range = range, Mode = ModeMissing };
        if (Libc.ioctl(Number, RegisterRequest, &request) < 0) throw LinuxException.Last($"ioctl(UFFDIO_REGISTER) of {mapping.Length} bytes");
        _ranges.Add(range);
    }

    /// <summary>Wakes whoever waits: pages that are still missing are zeroed ones from now on.</summary>
    public void Dispose()
    {
        foreach (var range in _ranges)
        {
            var copy = range;
            // A range that is unmapped already is none any more.
            _ = Libc.ioctl(Number, UnregisterRequest, &copy);
        }
        _ranges.Clear();
        _fd.Dispose();
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ApiVersion
    {
        public ulong Api;
        public ulong Features;
        public ulong Ioctls;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Range
    {
        public ulong Start;
        public ulong Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Registration
    {
        public Range Range;
        public ulong Mode;
        public ulong Ioctls;
    }
}
