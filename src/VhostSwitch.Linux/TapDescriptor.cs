namespace VhostSwitch.Linux;

/// <summary>What the kernel may leave undone in frames that it sends by a TAP interface (<c>TUN_F_*</c> of linux/if_tun.h).</summary>
[Flags]
public enum TapOffloads
{
    /// <summary>Nothing: every frame is finished.</summary>
    None = 0,

    /// <summary>Checksums; the others need it.</summary>
    Checksum = 0x01,

    /// <summary>Cutting of TCP segments over IPv4.</summary>
    Tcp4 = 0x02,

    /// <summary>Cutting of TCP segments over IPv6.</summary>
    Tcp6 = 0x04,

    /// <summary>Cutting of TCP segments that say congestion.</summary>
    TcpEcn = 0x08,
}

/// <summary>Opens queues of TAP interfaces and sets what belongs to the interface. For control threads.</summary>
public static unsafe class TapDescriptor
{
    /// <summary>The device that TAP interfaces are made with.</summary>
    public const string Device = "/dev/net/tun";

    /// <summary>
    /// Opens a queue of a TAP interface, whose frames have a virtio-net header, for reading and writing without waiting. The interface is made
    /// where there is none of that name.
    /// </summary>
    /// <param name="name">The interface's name; <c>%d</c> in it is replaced by the first number that is free.</param>
    /// <param name="multiQueue">True where the interface has, or is to have, several queues.</param>
    /// <param name="headerLength">The length in bytes of the header before each frame, 10 at least.</param>
    /// <param name="actualName">The name it has.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public static FileDescriptor Open(string name, bool multiQueue, int headerLength, out string actualName)
    {
        int number = Libc.open(Device, Libc.O_RDWR | Libc.O_NONBLOCK | Libc.O_CLOEXEC);
        if (number < 0) throw LinuxException.Last($"open {Device}");
        var fd = new FileDescriptor(number);
        try
        {
            var request = InterfaceControl.Request(name);
            request.ifr_flags = (short)(Libc.IFF_TAP | Libc.IFF_NO_PI | Libc.IFF_VNET_HDR | (multiQueue ? Libc.IFF_MULTI_QUEUE : 0));
            if (Libc.ioctl(number, Libc.TUNSETIFF, &request) < 0) throw LinuxException.Last($"ioctl(TUNSETIFF) for {name}");
            actualName = InterfaceControl.NameIn(&request);
            if (Libc.ioctl(number, Libc.TUNSETVNETHDRSZ, &headerLength) < 0) throw LinuxException.Last($"ioctl(TUNSETVNETHDRSZ) for {actualName}");
            return fd;
        }
        catch
        {
            fd.Dispose();
            throw;
        }
    }

    /// <summary>Sets what the kernel may leave undone.</summary>
    /// <param name="tap">A queue of the interface.</param>
    /// <param name="offloads">What.</param>
    /// <exception cref="LinuxException">The kernel does not know some of it.</exception>
    public static void SetOffloads(FileDescriptor tap, TapOffloads offloads)
    {
        if (Libc.ioctl(tap.Number, Libc.TUNSETOFFLOAD, (void*)(nint)offloads) < 0) throw LinuxException.Last("ioctl(TUNSETOFFLOAD)");
    }

    /// <summary>Has the interface stay when nobody has it open any more.</summary>
    /// <param name="tap">A queue of the interface.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public static void SetPersistent(FileDescriptor tap)
    {
        if (Libc.ioctl(tap.Number, Libc.TUNSETPERSIST, (void*)1) < 0) throw LinuxException.Last("ioctl(TUNSETPERSIST)");
    }

    /// <summary>The present name of the interface, in whatever network namespace it is; null when it was deleted.</summary>
    /// <param name="tap">A queue of the interface.</param>
    public static string? NameOf(FileDescriptor tap)
    {
        Libc.ifreq request = default;
        return Libc.ioctl(tap.Number, Libc.TUNGETIFF, &request) >= 0 ? InterfaceControl.NameIn(&request) : null;
    }

    /// <summary>A descriptor of the network namespace that the interface is in; null where this process may not know.</summary>
    /// <param name="tap">A queue of the interface.</param>
    public static FileDescriptor? NamespaceOf(FileDescriptor tap)
    {
        int fd = Libc.ioctl(tap.Number, Libc.TUNGETDEVNETNS, null);
        return fd >= 0 ? new FileDescriptor(fd) : null;
    }

    /// <summary>The kernel's name of a network namespace, to compare with <see cref="InterfaceControl.Namespace"/>.</summary>
    /// <param name="space">A descriptor of it.</param>
    public static string NameOfNamespace(FileDescriptor space) => new FileInfo($"/proc/self/fd/{space.Number}").LinkTarget ?? "";
}
