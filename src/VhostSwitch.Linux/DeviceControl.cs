using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>The kernel that this process runs on.</summary>
public sealed unsafe class DeviceControl : IDeviceControl
{
    /// <inheritdoc/>
    public FileDescriptor Open(string path, bool nonBlocking)
    {
        int number = Libc.open(path, Libc.O_RDWR | Libc.O_CLOEXEC | (nonBlocking ? Libc.O_NONBLOCK : 0));
        return number >= 0 ? new FileDescriptor(number) : throw LinuxException.Last($"open {path}");
    }

    /// <inheritdoc/>
    public int Control(FileDescriptor device, nuint request, Span<byte> argument)
    {
        fixed (byte* structure = argument)
            return Libc.ioctl(device.Number, request, structure) < 0 ? Marshal.GetLastPInvokeError() : 0;
    }

    /// <inheritdoc/>
    public int Control(FileDescriptor device, nuint request, nint argument = 0) =>
        Libc.ioctl(device.Number, request, (void*)argument) < 0 ? Marshal.GetLastPInvokeError() : 0;
}
