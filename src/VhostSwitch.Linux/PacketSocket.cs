using System.Buffers.Binary;

namespace VhostSwitch.Linux;

/// <summary>How the kernel distributes an interface's frames among the sockets of a group (<c>PACKET_FANOUT</c>).</summary>
public enum PacketFanout
{
    /// <summary>By flow.</summary>
    Hash = 0,

    /// <summary>In turn.</summary>
    RoundRobin = 1,

    /// <summary>By the processor that received the frame.</summary>
    Cpu = 2,

    /// <summary>To one until it is full, then to the next.</summary>
    Rollover = 3,

    /// <summary>By chance.</summary>
    Random = 4,

    /// <summary>By the interface's own receive queue.</summary>
    QueueMapping = 5,
}

/// <summary>
/// A socket for all Ethernet frames of one interface (<c>packet(7)</c>), each with a virtio-net header of 10 bytes that says what is left to be
/// done to it. Frames are received in a <see cref="PacketRing"/>; sent with <see cref="FrameIo.SendMany"/>, since the kernel copies a frame once
/// there as well as from a ring, and here straight from where it lies. For control threads.
/// </summary>
public sealed unsafe class PacketSocket : IDisposable
{
    // Frames on their way to a slow interface count; the default of 208 KiB is three large segments.
    private const int SendBuffer = 4 << 20;

    private const int FanoutFlagIgnoreOutgoing = 0x4000;
    private const int FanoutFlagUniqueId = 0x2000;

    private readonly FileDescriptor _socket;

    /// <summary>Makes a socket that is bound to no interface: nothing is received yet.</summary>
    /// <param name="shape">The memory for received frames.</param>
    /// <exception cref="LinuxException">The kernel refuses it; <see cref="Errno.EPERM"/> where the process has not CAP_NET_RAW.</exception>
    public PacketSocket(PacketRingShape shape)
    {
        int fd = Libc.socket(Libc.AF_PACKET, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0);
        _socket = fd >= 0 ? new FileDescriptor(fd) : throw LinuxException.Last("socket(AF_PACKET)");
        try
        {
            Set(Libc.PACKET_VERSION, Libc.TPACKET_V2, "PACKET_VERSION");
            Set(Libc.PACKET_VNET_HDR, 1, "PACKET_VNET_HDR");
            Set(Libc.PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
            int length = SendBuffer;
            if (Libc.setsockopt(fd, Libc.SOL_SOCKET, Libc.SO_SNDBUFFORCE, &length, sizeof(int)) < 0)
                _ = Libc.setsockopt(fd, Libc.SOL_SOCKET, Libc.SO_SNDBUF, &length, sizeof(int));
            var request = new Libc.tpacket_req
            {
                tp_block_size = (uint)shape.BlockSize,
                tp_block_nr = (uint)shape.BlockCount,
                tp_frame_size = (uint)shape.SlotSize,
                tp_frame_nr = (uint)(shape.BlockCount * shape.SlotsPerBlock),
            };
            if (Libc.setsockopt(fd, Libc.SOL_PACKET, Libc.PACKET_RX_RING, &request, (uint)sizeof(Libc.tpacket_req)) < 0)
                throw LinuxException.Last($"a ring of {shape.BlockCount} blocks of {shape.BlockSize} bytes (PACKET_RX_RING)");
            Ring = new PacketRing(MemoryMapping.OfFile(_socket, (nuint)shape.BlockSize * (nuint)shape.BlockCount), shape);
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    /// <summary>The socket's descriptor: readable while a frame is in the ring.</summary>
    public int Descriptor => _socket.Number;

    /// <summary>The received frames.</summary>
    public PacketRing Ring { get; }

    /// <summary>Sends past the interface's queueing discipline.</summary>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public void BypassQueueingDiscipline() => Set(Libc.PACKET_QDISC_BYPASS, 1, "PACKET_QDISC_BYPASS");

    /// <summary>Receives from, and sends by, an interface from now on.</summary>
    /// <param name="index">The interface's number.</param>
    /// <exception cref="LinuxException">There is no such interface.</exception>
    public void Bind(int index)
    {
        Libc.sockaddr_ll address = new()
        {
            sll_family = Libc.AF_PACKET,
            sll_protocol = BinaryPrimitives.ReverseEndianness((ushort)Libc.ETH_P_ALL),
            sll_ifindex = index,
        };
        if (Libc.bind(_socket.Number, &address, (uint)sizeof(Libc.sockaddr_ll)) < 0) throw LinuxException.Last("bind of a packet socket");
    }

    /// <summary>Has the interface receive every frame, whatever its destination, as long as this socket is open.</summary>
    /// <param name="index">The interface's number.</param>
    /// <exception cref="LinuxException">There is no such interface.</exception>
    public void ReceiveEverything(int index) => InterfaceControl.ReceiveEverything(_socket.Number, index);

    /// <summary>Makes a group, with this socket as its first.</summary>
    /// <param name="mode">How frames are distributed in it.</param>
    /// <returns>The group's id, which nobody else in the network namespace has.</returns>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public int MakeGroup(PacketFanout mode)
    {
        Join(0, mode, FanoutFlagUniqueId);
        int value = 0;
        uint length = sizeof(int);
        if (Libc.getsockopt(_socket.Number, Libc.SOL_PACKET, Libc.PACKET_FANOUT, &value, &length) < 0) throw LinuxException.Last("getsockopt(PACKET_FANOUT)");
        return value & 0xffff;
    }

    /// <summary>Adds this socket to a group.</summary>
    /// <param name="group">The group's id.</param>
    /// <param name="mode">The group's mode.</param>
    /// <exception cref="LinuxException">The kernel refuses it.</exception>
    public void JoinGroup(int group, PacketFanout mode) => Join(group, mode, 0);

    /// <summary>How many frames found no free slot since this was last asked.</summary>
    public uint TakeDrops()
    {
        Libc.tpacket_stats stats;
        uint length = (uint)sizeof(Libc.tpacket_stats);
        bool known = Libc.getsockopt(_socket.Number, Libc.SOL_PACKET, Libc.PACKET_STATISTICS, &stats, &length) >= 0;
        return known ? stats.tp_drops : 0;
    }

    /// <summary>Takes the error that waits at the socket: an interface that was set down leaves one for the next call.</summary>
    /// <returns>The error number; 0 where there is none.</returns>
    public int TakeError()
    {
        int error = 0;
        uint length = sizeof(int);
        return Libc.getsockopt(_socket.Number, Libc.SOL_SOCKET, Libc.SO_ERROR, &error, &length) < 0 ? 0 : error;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Ring.Unmap();
        _socket.Dispose();
    }

    // Frames that the host sends are for no socket of the group. Older kernels do not know the flag; the receiver looks at each frame anyway.
    private void Join(int group, PacketFanout mode, int flags)
    {
        if (TryJoin(group, (int)mode | flags | FanoutFlagIgnoreOutgoing) || TryJoin(group, (int)mode | flags)) return;
        throw LinuxException.Last("PACKET_FANOUT");
    }

    private bool TryJoin(int group, int mode)
    {
        int value = group | (mode << 16);
        return Libc.setsockopt(_socket.Number, Libc.SOL_PACKET, Libc.PACKET_FANOUT, &value, sizeof(int)) >= 0;
    }

    private void Set(int option, int value, string name)
    {
        if (Libc.setsockopt(_socket.Number, Libc.SOL_PACKET, option, &value, sizeof(int)) < 0) throw LinuxException.Last($"setsockopt({name})");
    }
}
