using System.Net.NetworkInformation;
using System.Runtime.InteropServices;
using System.Text;

namespace VhostSwitch.Linux;

/// <summary>A network interface at one moment.</summary>
/// <param name="Index">The number that the kernel knows it by; another interface of the same name has another.</param>
/// <param name="IsUp">True where it is set up.</param>
/// <param name="HasCarrier">True where there is somebody at the other end as well.</param>
/// <param name="Mtu">The longest payload of a frame in bytes.</param>
/// <param name="Address">Its address: 48 bits, the first byte on the wire in the lowest 8.</param>
public readonly record struct XdpInterface(int Index, bool IsUp, bool HasCarrier, int Mtu, ulong Address)
{
    private const int NameLength = 16;
    private const nuint SIOCGIFFLAGS = 0x8913;
    private const nuint SIOCGIFMTU = 0x8921;
    private const nuint SIOCGIFHWADDR = 0x8927;
    private const nuint SIOCGIFINDEX = 0x8933;
    private const ushort IFF_UP = 1;
    private const ushort IFF_RUNNING = 0x40;

    /// <summary>The names of the interfaces that there are.</summary>
    public static IReadOnlyList<string> Names => [.. NetworkInterface.GetAllNetworkInterfaces().Select(i => i.Name).Order(StringComparer.Ordinal)];

    /// <summary>Looks at an interface.</summary>
    /// <param name="name">Its name.</param>
    /// <returns>What it is like; null where there is none of that name.</returns>
    /// <exception cref="LinuxException">The process has no descriptor left.</exception>
    public static unsafe XdpInterface? Find(string name)
    {
        using var socket = new FileDescriptor(Libc.socket(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0));
        if (socket.IsInvalid) throw LinuxException.Last("socket");
        ifreq request = default;
        if (Encoding.UTF8.GetByteCount(name) >= NameLength) return null;
        Encoding.UTF8.GetBytes(name, new Span<byte>(request.ifr_name, NameLength));
        if (Libc.ioctl(socket.Number, SIOCGIFINDEX, &request) < 0) return null;
        int index = request.ifr_number;
        if (Libc.ioctl(socket.Number, SIOCGIFFLAGS, &request) < 0) return null;
        uint flags = (ushort)request.ifr_number;
        if (Libc.ioctl(socket.Number, SIOCGIFMTU, &request) < 0) return null;
        int mtu = request.ifr_number;
        if (Libc.ioctl(socket.Number, SIOCGIFHWADDR, &request) < 0) return null;
        // struct sockaddr: the family, then the address.
        ulong address = (*(ulong*)&request.ifr_number >> 16) & 0xffff_ffff_ffff;
        return new(index, (flags & IFF_UP) != 0, (flags & IFF_RUNNING) != 0, mtu, address);
    }

    /// <summary>Has an interface take frames for all addresses, as long as the descriptor is open.</summary>
    /// <param name="index">The interface's number.</param>
    /// <exception cref="LinuxException">The right to it is missing, or the interface is gone.</exception>
    public static unsafe FileDescriptor TakeAllAddresses(int index)
    {
        // Protocol 0: the socket itself receives nothing.
        var socket = new FileDescriptor(Libc.socket(XdpCalls.AF_PACKET, XdpCalls.SOCK_RAW | Libc.SOCK_CLOEXEC, 0));
        if (socket.IsInvalid) throw LinuxException.Last("socket(AF_PACKET)");
        XdpCalls.packet_mreq wish = new() { mr_ifindex = index, mr_type = XdpCalls.PACKET_MR_PROMISC };
        uint length = (uint)sizeof(XdpCalls.packet_mreq);
        if (XdpCalls.setsockopt(socket.Number, XdpCalls.SOL_PACKET, XdpCalls.PACKET_ADD_MEMBERSHIP, &wish, length) == 0) return socket;
        var error = LinuxException.Last("setsockopt(PACKET_ADD_MEMBERSHIP)");
        socket.Dispose();
        throw error;
    }

    /// <summary>The structure with the one union member that is read here first, and room for the longest.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 40)]
    internal unsafe struct ifreq
    {
        public fixed byte ifr_name[NameLength];
        public int ifr_number;
    }
}
