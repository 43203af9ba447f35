using System.Runtime.InteropServices;
using System.Text;

namespace VhostSwitch.Linux;

/// <summary>How an interface is.</summary>
/// <param name="Index">Its number, unique in its network namespace for as long as it exists.</param>
/// <param name="IsUp">It is set up.</param>
/// <param name="HasCarrier">It is connected: its driver is ready to send.</param>
/// <param name="CarriesEthernet">Its frames are Ethernet's.</param>
/// <param name="Mtu">The most bytes behind the Ethernet header.</param>
/// <param name="Address">Its address, the first byte on the wire in the lowest 8 bits; 0 where it has none.</param>
public readonly record struct InterfaceState(int Index, bool IsUp, bool HasCarrier, bool CarriesEthernet, int Mtu, ulong Address);

/// <summary>Asks and sets the interfaces of one network namespace (<c>netdevice(7)</c>). For control threads.</summary>
public sealed unsafe class InterfaceControl : IDisposable
{
    private const ulong AddressMask = 0xffff_ffff_ffff;
    private const string OwnNamespace = "/proc/thread-self/ns/net";

    private readonly FileDescriptor _socket;

    /// <summary>Works in the namespace of the calling thread.</summary>
    /// <exception cref="LinuxException">The process has no descriptor left.</exception>
    public InterfaceControl()
    {
        int fd = Libc.socket(Libc.AF_UNIX, Libc.SOCK_DGRAM | Libc.SOCK_CLOEXEC, 0);
        _socket = fd >= 0 ? new FileDescriptor(fd) : throw LinuxException.Last("socket");
        Namespace = new FileInfo(OwnNamespace).LinkTarget ?? "";
    }

    /// <summary>The most bytes of an interface's name.</summary>
    public static int MaxNameLength => Libc.IFNAMSIZ - 1;

    /// <summary>The kernel's name of the network namespace, as <c>readlink /proc/self/ns/net</c> prints it.</summary>
    public string Namespace { get; }

    /// <summary>Works in another namespace.</summary>
    /// <param name="space">A descriptor of the namespace.</param>
    /// <exception cref="LinuxException">This process may not enter it.</exception>
    public static InterfaceControl In(FileDescriptor space)
    {
        // A socket stays in the namespace it was made in. The thread that goes there ends there.
        InterfaceControl? control = null;
        LinuxException? failure = null;
        var visitor = new Thread(() =>
        {
            try
            {
                if (Libc.setns(space.Number, Libc.CLONE_NEWNET) < 0) throw LinuxException.Last("setns");
                control = new InterfaceControl();
            }
            catch (LinuxException e)
            {
                failure = e;
            }
        })
        { Name = "namespace" };
        visitor.Start();
        visitor.Join();
        return control ?? throw failure!;
    }

    /// <summary>The names of the interfaces in the calling thread's namespace, in the order of the alphabet.</summary>
    public static IReadOnlyList<string> Names()
    {
        var list = Libc.if_nameindex();
        if (list == null) return [];
        var names = new List<string>();
        for (var at = list; at->if_index != 0; at++)
            names.Add(Marshal.PtrToStringUTF8((nint)at->if_name) ?? "");
        Libc.if_freenameindex(list);
        names.Sort(StringComparer.Ordinal);
        return names;
    }

    /// <summary>True for a text that can be an interface's name.</summary>
    /// <param name="name">The text.</param>
    public static bool IsName(string name) =>
        Encoding.UTF8.GetByteCount(name) is > 0 and < Libc.IFNAMSIZ && name is not ("." or "..")
        && !name.Any(c => c is '/' or ':' or '\0' || char.IsWhiteSpace(c));

    /// <summary>The number of an interface; 0 where there is none of that name.</summary>
    /// <param name="name">Its name.</param>
    public int IndexOf(string name)
    {
        if (!IsName(name)) return 0;
        var request = Request(name);
        return Ask(Libc.SIOCGIFINDEX, &request) ? request.ifr_ifindex : 0;
    }

    /// <summary>The present name of an interface; null where it does not exist any more.</summary>
    /// <param name="index">Its number.</param>
    public string? NameOf(int index)
    {
        Libc.ifreq request = new() { ifr_ifindex = index };
        return Ask(Libc.SIOCGIFNAME, &request) ? NameIn(&request) : null;
    }

    /// <summary>How an interface is; null where there is none of that name.</summary>
    /// <param name="name">Its name.</param>
    public InterfaceState? StateOf(string name)
    {
        int index = IndexOf(name);
        if (index == 0) return null;
        var flags = Request(name);
        var mtu = flags;
        var address = flags;
        // It may go between two questions.
        if (!Ask(Libc.SIOCGIFFLAGS, &flags) || !Ask(Libc.SIOCGIFMTU, &mtu) || !Ask(Libc.SIOCGIFHWADDR, &address)) return null;
        // The loopback interface has Ethernet's headers, with addresses of zeros.
        bool ethernet = address.sa_family is Libc.ARPHRD_ETHER or Libc.ARPHRD_LOOPBACK;
        return new InterfaceState(index, (flags.ifr_flags & Libc.IFF_UP) != 0, (flags.ifr_flags & Libc.IFF_RUNNING) != 0, ethernet, mtu.ifr_mtu,
            ethernet ? *(ulong*)address.sa_data & AddressMask : 0);
    }

    /// <summary>Sets an interface up.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public void SetUp(string name)
    {
        var request = Request(name);
        if (!Ask(Libc.SIOCGIFFLAGS, &request)) throw LinuxException.Last($"ioctl(SIOCGIFFLAGS) for {name}");
        request.ifr_flags |= Libc.IFF_UP;
        Set(Libc.SIOCSIFFLAGS, &request, $"setting {name} up");
    }

    /// <summary>Sets the MTU of an interface.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="mtu">The most bytes behind the Ethernet header.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public void SetMtu(string name, int mtu)
    {
        var request = Request(name);
        request.ifr_mtu = mtu;
        Set(Libc.SIOCSIFMTU, &request, $"setting the MTU of {name} to {mtu}");
    }

    /// <summary>Sets the address of an Ethernet interface.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="address">The address, the first byte on the wire in the lowest 8 bits.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public void SetAddress(string name, ulong address)
    {
        var request = Request(name);
        request.sa_family = Libc.ARPHRD_ETHER;
        *(ulong*)request.sa_data = address & AddressMask;
        Set(Libc.SIOCSIFHWADDR, &request, $"setting the address of {name}");
    }

    /// <summary>Has an interface receive every frame, whatever its destination, as long as the descriptor is open.</summary>
    /// <param name="index">The interface's number.</param>
    /// <exception cref="LinuxException">The right to it is missing, or the interface is gone.</exception>
    public static FileDescriptor ReceiveEverything(int index)
    {
        // Protocol 0: the socket itself receives nothing.
        int fd = Libc.socket(Libc.AF_PACKET, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, 0);
        var socket = fd >= 0 ? new FileDescriptor(fd) : throw LinuxException.Last("socket(AF_PACKET)");
        try
        {
            ReceiveEverything(fd, index);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    internal static void ReceiveEverything(int packetSocket, int index)
    {
        Libc.packet_mreq request = new() { mr_ifindex = index, mr_type = Libc.PACKET_MR_PROMISC };
        if (Libc.setsockopt(packetSocket, Libc.SOL_PACKET, Libc.PACKET_ADD_MEMBERSHIP, &request, (uint)sizeof(Libc.packet_mreq)) < 0)
            throw LinuxException.Last("setsockopt(PACKET_ADD_MEMBERSHIP)");
    }

    internal static Libc.ifreq Request(string name)
    {
        Libc.ifreq request = default;
        Encoding.UTF8.GetBytes(name, new Span<byte>(request.ifr_name, Libc.IFNAMSIZ - 1));
        return request;
    }

    internal static string NameIn(Libc.ifreq* request) => Marshal.PtrToStringUTF8((nint)request->ifr_name) ?? "";

    private bool Ask(nuint question, Libc.ifreq* request) => Libc.ioctl(_socket.Number, question, request) >= 0;

    private void Set(nuint what, Libc.ifreq* request, string text)
    {
        if (Libc.ioctl(_socket.Number, what, request) < 0) throw LinuxException.Last(text);
    }
}
