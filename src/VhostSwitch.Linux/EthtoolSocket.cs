using System.Runtime.InteropServices;
using System.Text;

namespace VhostSwitch.Linux;

/// <summary>The kernel that this process runs on.</summary>
public sealed unsafe class EthtoolSocket : IEthtool
{
    private const int NameLength = 16;
    private const nuint SIOCETHTOOL = 0x8946;

    /// <inheritdoc/>
    public int Exchange(string interfaceName, Span<byte> command)
    {
        if (Encoding.UTF8.GetByteCount(interfaceName) >= NameLength) return Errno.ENODEV;
        using var socket = new FileDescriptor(Libc.socket(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0));
        if (socket.IsInvalid) return Marshal.GetLastPInvokeError();
        ifreq request = default;
        Encoding.UTF8.GetBytes(interfaceName, new Span<byte>(request.ifr_name, NameLength));
        fixed (byte* data = command)
        {
            request.ifr_data = data;
            return Libc.ioctl(socket.Number, SIOCETHTOOL, &request) < 0 ? Marshal.GetLastPInvokeError() : 0;
        }
    }

    [StructLayout(LayoutKind.Sequential, Size = 40)]
    internal struct ifreq
    {
        public fixed byte ifr_name[NameLength];
        public void* ifr_data;
    }
}
