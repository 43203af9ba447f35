using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>A range of memory as the kernel's vhost takes it (<c>struct vhost_memory_region</c>).</summary>
/// <param name="GuestAddress">Its address in rings.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="UserAddress">Its address in this process.</param>
public readonly record struct VhostRegion(ulong GuestAddress, ulong Length, ulong UserAddress);

/// <summary>Where the parts of a ring lie in this process (<c>struct vhost_vring_addr</c>).</summary>
/// <param name="Descriptors">The descriptor table.</param>
/// <param name="Available">The available ring.</param>
/// <param name="Used">The used ring.</param>
public readonly record struct VhostRingAddresses(ulong Descriptors, ulong Available, ulong Used);

/// <summary>
/// The requests by which a driver in user space uses the kernel's vhost-net and the TAP interface behind it (linux/vhost.h, linux/if_tun.h). For
/// control threads. A ring is 0 (receive) or 1 (transmit) of its device file.
/// </summary>
/// <param name="kernel">Who carries the requests out.</param>
public sealed unsafe class VhostNet(IDeviceControl kernel)
{
    // linux/vhost.h
    private const nuint GetFeatures = 0x8008af00;
    private const nuint SetFeatures = 0x4008af00;
    private const nuint SetOwner = 0xaf01;
    private const nuint SetMemTable = 0x4008af03;
    private const nuint SetVringNum = 0x4008af10;
    private const nuint SetVringAddr = 0x4028af11;
    private const nuint SetVringBase = 0x4008af12;
    private const nuint SetVringKick = 0x4008af20;
    private const nuint SetVringCall = 0x4008af21;
    private const nuint NetSetBackend = 0x4008af30;

    // linux/if_tun.h
    private const nuint TunGetFeatures = 0x800454cf;
    private const nuint TunSetSendBuffer = 0x400454d4;
    private const short IffNapi = 0x10;

    private const int NoFile = -1;
    private const uint NoLog = 0;

    /// <summary>Looks what TAP interfaces can do here.</summary>
    /// <returns>True where they have several queues.</returns>
    /// <exception cref="LinuxException">There are none, or none with a virtio-net header.</exception>
    public bool HasMultiQueueTaps()
    {
        using var tun = kernel.Open(TapDescriptor.Device, nonBlocking: false);
        uint features = 0;
        Exchange(tun, TunGetFeatures, ref features, "TUNGETFEATURES");
        if ((features & (ushort)Libc.IFF_VNET_HDR) == 0)
            throw new LinuxException("TAP interfaces without a virtio-net header (IFF_VNET_HDR)", Errno.EOPNOTSUPP);
        return (features & (ushort)Libc.IFF_MULTI_QUEUE) != 0;
    }

    /// <summary>Opens a vhost device.</summary>
    /// <param name="path">The device: <c>/dev/vhost-net</c>.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public FileDescriptor Open(string path) => kernel.Open(path, nonBlocking: false);

    /// <summary>Makes a vhost device this process's.</summary>
    /// <param name="device">The device.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public void Own(FileDescriptor device) => Check(kernel.Control(device, SetOwner), "VHOST_SET_OWNER");

    /// <summary>The features a vhost device offers.</summary>
    /// <param name="device">The device.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public ulong FeaturesOf(FileDescriptor device)
    {
        ulong features = 0;
        Exchange(device, GetFeatures, ref features, "VHOST_GET_FEATURES");
        return features;
    }

    /// <summary>Settles the features of a vhost device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="features">Some of those it offers.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public void Accept(FileDescriptor device, ulong features) => Exchange(device, SetFeatures, ref features, "VHOST_SET_FEATURES");

    /// <summary>Tells a vhost device where the memory is that rings speak of.</summary>
    /// <param name="device">The device.</param>
    /// <param name="regions">The memory.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public void ShareMemory(FileDescriptor device, ReadOnlySpan<VhostRegion> regions)
    {
        // The number of regions, 4 bytes of padding, and the regions, each with a word of flags that has none.
        Span<ulong> table = stackalloc ulong[1 + (4 * regions.Length)];
        table.Clear();
        table[0] = (uint)regions.Length;
        for (int i = 0; i < regions.Length; i++)
            (table[1 + (4 * i)], table[2 + (4 * i)], table[3 + (4 * i)]) = (regions[i].GuestAddress, regions[i].Length, regions[i].UserAddress);
        Check(kernel.Control(device, SetMemTable, MemoryMarshal.AsBytes(table)), "VHOST_SET_MEM_TABLE");
    }

    /// <summary>Sets a ring up but for its notifications.</summary>
    /// <param name="device">The device.</param>
    /// <param name="ring">The ring.</param>
    /// <param name="size">Its number of entries.</param>
    /// <param name="position">Where it begins.</param>
    /// <param name="addresses">Where it lies.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public void SetRing(FileDescriptor device, uint ring, uint size, uint position, VhostRingAddresses addresses)
    {
        var state = new RingState { Index = ring, Number = size };
        Exchange(device, SetVringNum, ref state, "VHOST_SET_VRING_NUM");
        state.Number = position;
        Exchange(device, SetVringBase, ref state, "VHOST_SET_VRING_BASE");
        var parts = new RingAddresses
        {
            Index = ring,
            Flags = NoLog,
            Descriptors = addresses.Descriptors,
            Used = addresses.Used,
            Available = addresses.Available,
            Log = 0,
        };
        Exchange(device, SetVringAddr, ref parts, "VHOST_SET_VRING_ADDR");
    }

    /// <summary>Tells where a ring's driver notifies the device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="ring">The ring.</param>
    /// <param name="eventFd">An eventfd.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public void SetKick(FileDescriptor device, uint ring, FileDescriptor eventFd) =>
        SetFile(device, SetVringKick, ring, eventFd.Number, "VHOST_SET_VRING_KICK");

    /// <summary>Tells where the device notifies a ring's driver.</summary>
    /// <param name="device">The device.</param>
    /// <param name="ring">The ring.</param>
    /// <param name="eventFd">An eventfd.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public void SetCall(FileDescriptor device, uint ring, FileDescriptor eventFd) =>
        SetFile(device, SetVringCall, ring, eventFd.Number, "VHOST_SET_VRING_CALL");

    /// <summary>Joins a ring with an interface, which starts it, or parts them, which stops it.</summary>
    /// <param name="device">The device.</param>
    /// <param name="ring">The ring.</param>
    /// <param name="tap">A queue of the interface; null to part them.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public void SetBackEnd(FileDescriptor device, uint ring, FileDescriptor? tap) =>
        SetFile(device, NetSetBackend, ring, tap?.Number ?? NoFile, "VHOST_NET_SET_BACKEND");

    /// <summary>Opens a queue of a TAP interface with a virtio-net header; makes the interface where there is none of that name.</summary>
    /// <param name="name">The interface's name; empty for <c>tap</c> with the first number that is free.</param>
    /// <param name="multiQueue">True where it has several queues.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public FileDescriptor OpenTap(string name, bool multiQueue)
    {
        var tap = kernel.Open(TapDescriptor.Device, nonBlocking: true);
        try
        {
            short flags = (short)(Libc.IFF_TAP | Libc.IFF_NO_PI | Libc.IFF_VNET_HDR | (multiQueue ? Libc.IFF_MULTI_QUEUE : 0));
            // Without NAPI where an old kernel, or an interface that was made without, does not take it.
            if (SetInterface(tap, name, (short)(flags | IffNapi)) == Errno.EINVAL) Check(SetInterface(tap, name, flags), $"TUNSETIFF for '{name}'");
            return tap;
        }
        catch
        {
            tap.Dispose();
            throw;
        }

        int SetInterface(FileDescriptor tap, string name, short flags)
        {
            var request = InterfaceControl.Request(name);
            request.ifr_flags = flags;
            int errno = kernel.Control(tap, Libc.TUNSETIFF, Bytes(ref request));
            if (errno is not 0 and not Errno.EINVAL) throw new LinuxException($"ioctl(TUNSETIFF) for '{name}'", errno);
            return errno;
        }
    }

    /// <summary>The present name of an interface.</summary>
    /// <param name="tap">A queue of it.</param>
    /// <returns>The name; null when it was deleted.</returns>
    public string? NameOf(FileDescriptor tap)
    {
        Libc.ifreq request = default;
        return kernel.Control(tap, Libc.TUNGETIFF, Bytes(ref request)) == 0 ? InterfaceControl.NameIn(&request) : null;
    }

    /// <summary>Sets the address of an interface.</summary>
    /// <param name="tap">A queue of it.</param>
    /// <param name="address">The address, its first byte lowest.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public void SetAddress(FileDescriptor tap, ulong address)
    {
        Libc.ifreq request = default;
        request.sa_family = Libc.ARPHRD_ETHER;
        for (int i = 0; i < 6; i++)
            request.sa_data[i] = (byte)(address >> (8 * i));
        Exchange(tap, Libc.SIOCSIFHWADDR, ref request, "SIOCSIFHWADDR");
    }

    /// <summary>Prepares a queue of an interface for a vhost device.</summary>
    /// <param name="tap">The queue.</param>
    /// <param name="headerLength">Bytes of the header before each frame.</param>
    /// <param name="offloads">What the kernel may leave undone in the frames it sends.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public void Prepare(FileDescriptor tap, int headerLength, TapOffloads offloads)
    {
        // Frames are not held back because others are still under way: the ring's length is the limit.
        int sendBuffer = int.MaxValue;
        Exchange(tap, Libc.TUNSETVNETHDRSZ, ref headerLength, "TUNSETVNETHDRSZ");
        Exchange(tap, TunSetSendBuffer, ref sendBuffer, "TUNSETSNDBUF");
        Check(kernel.Control(tap, Libc.TUNSETOFFLOAD, (nint)offloads), "TUNSETOFFLOAD");
    }

    private static Span<byte> Bytes<T>(ref T structure)
        where T : unmanaged => MemoryMarshal.AsBytes(new Span<T>(ref structure));

    private static void Check(int errno, string request)
    {
        if (errno != 0) throw new LinuxException($"ioctl({request})", errno);
    }

    private void SetFile(FileDescriptor device, nuint request, uint ring, int file, string name)
    {
        var ringFile = new RingFile { Index = ring, File = file };
        Exchange(device, request, ref ringFile, name);
    }

    private void Exchange<T>(FileDescriptor device, nuint request, ref T structure, string name)
        where T : unmanaged => Check(kernel.Control(device, request, Bytes(ref structure)), name);

    // struct vhost_vring_state.
    private struct RingState
    {
        public uint Index;
        public uint Number;
    }

    // struct vhost_vring_file.
    private struct RingFile
    {
        public uint Index;
        public int File;
    }

    // struct vhost_vring_addr.
    private struct RingAddresses
    {
        public uint Index;
        public uint Flags;
        public ulong Descriptors;
        public ulong Used;
        public ulong Available;
        public ulong Log;
    }
}
