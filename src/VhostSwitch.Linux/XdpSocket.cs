using System.Runtime.InteropServices;

namespace VhostSwitch.Linux;

/// <summary>The size of an AF_XDP socket's memory and rings, and how it is bound.</summary>
/// <param name="FrameLength">Bytes of each frame's place: 2048 or 4096.</param>
/// <param name="Frames">How many places there are.</param>
/// <param name="FillSize">Entries of the fill ring, a power of two.</param>
/// <param name="ReceiveSize">Entries of the receive ring, a power of two.</param>
/// <param name="TransmitSize">Entries of the transmit and of the completion ring, a power of two.</param>
/// <param name="ZeroCopy">True to demand that the interface works on this memory itself; false to have the kernel copy.</param>
public sealed record XdpSocketOptions(uint FrameLength, uint Frames, uint FillSize, uint ReceiveSize, uint TransmitSize, bool ZeroCopy);

/// <summary>What the kernel has counted for an AF_XDP socket since it was made.</summary>
/// <param name="Dropped">Frames dropped for want of a place in the memory, or because they did not fit into one.</param>
/// <param name="RingFull">Frames dropped for want of a place in the receive ring.</param>
/// <param name="FillEmpty">How often the fill ring was found empty. In copy mode each of these is among <paramref name="Dropped"/> as well.</param>
public readonly record struct XdpStatistics(ulong Dropped, ulong RingFull, ulong FillEmpty);

/// <summary>
/// A socket that shares memory and four rings with the kernel for one queue of an interface (the kernel's
/// Documentation/networking/af_xdp.rst). Made with libxdp; the rings are worked on by whoever has the socket.
/// </summary>
public sealed unsafe class XdpSocket : IDisposable
{
    private const int Rings = 4;

    // The library keeps the addresses of the structures, so they stay where they are until it has let go of them.
    private readonly LibXdp.xsk_ring* _rings = (LibXdp.xsk_ring*)NativeMemory.AllocZeroed(Rings, (nuint)sizeof(LibXdp.xsk_ring));
    private nint _memory;
    private nint _socket;

    /// <summary>Makes a socket and binds it.</summary>
    /// <param name="interfaceName">The interface.</param>
    /// <param name="queue">The interface's queue.</param>
    /// <param name="memory">Page aligned; the product of frames and frame length in bytes. Outlives the socket.</param>
    /// <param name="options">Sizes, and how to bind.</param>
    /// <exception cref="LinuxException">
    /// Refused: no right to do it (<see cref="Errno.EPERM"/>), no zero copy (<see cref="Errno.EOPNOTSUPP"/>), no such queue
    /// (<see cref="Errno.EINVAL"/>), another such socket at the queue (<see cref="Errno.EBUSY"/>), too much memory for
    /// <c>RLIMIT_MEMLOCK</c> (<see cref="Errno.ENOBUFS"/>), no such interface.
    /// </exception>
    public XdpSocket(string interfaceName, int queue, byte* memory, XdpSocketOptions options)
    {
        try
        {
            Register(memory, options);
            Bind(interfaceName, queue, options);
            uint flags = 0, length = sizeof(uint);
            IsZeroCopy = Libc.getsockopt(Descriptor, XdpCalls.SOL_XDP, XdpCalls.XDP_OPTIONS, &flags, &length) == 0
                && (flags & XdpCalls.XDP_OPTIONS_ZEROCOPY) != 0;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The socket's descriptor; readable while the receive ring has frames.</summary>
    public int Descriptor => LibXdp.xsk_socket__fd(_socket);

    /// <summary>True where the interface works on this memory itself, without a copy by the kernel.</summary>
    public bool IsZeroCopy { get; }

    /// <summary>Free places on their way to the kernel.</summary>
    public XdpRing Fill => View(_rings);

    /// <summary>Sent places on their way back.</summary>
    public XdpRing Completion => View(_rings + 1);

    /// <summary>Frames that arrived.</summary>
    public XdpRing Receive => View(_rings + 2);

    /// <summary>Frames to be sent.</summary>
    public XdpRing Transmit => View(_rings + 3);

    /// <summary>What the kernel has counted.</summary>
    public XdpStatistics Statistics()
    {
        XdpCalls.xdp_statistics counts = default;
        uint length = (uint)sizeof(XdpCalls.xdp_statistics);
        _ = Libc.getsockopt(Descriptor, XdpCalls.SOL_XDP, XdpCalls.XDP_STATISTICS, &counts, &length);
        return new(counts.rx_dropped, counts.rx_ring_full, counts.rx_fill_ring_empty_descs);
    }

    /// <summary>Lets frames that the kernel has copied wait for the interface, up to so many bytes; without the right to it, less.</summary>
    /// <param name="bytes">How many bytes.</param>
    public void SetSendBuffer(int bytes) => _ = Libc.setsockopt(Descriptor, Libc.SOL_SOCKET, Libc.SO_SNDBUFFORCE, &bytes, sizeof(int));

    /// <summary>Has the interface's interrupts put off while this program polls.</summary>
    /// <param name="budget">The most frames of one poll.</param>
    /// <param name="durationUs">How long an empty poll lasts, in microseconds.</param>
    /// <exception cref="LinuxException">The kernel is older than 5.11, or the right to it is missing.</exception>
    public void PreferBusyPolling(int budget, int durationUs)
    {
        SetOption(XdpCalls.SO_PREFER_BUSY_POLL, 1, "SO_PREFER_BUSY_POLL");
        SetOption(XdpCalls.SO_BUSY_POLL, durationUs, "SO_BUSY_POLL");
        SetOption(XdpCalls.SO_BUSY_POLL_BUDGET, budget, "SO_BUSY_POLL_BUDGET");
    }

    /// <summary>Tells the kernel that there are frames to send. Allocates nothing and may be called by poll threads.</summary>
    /// <param name="socket">The socket's descriptor.</param>
    /// <returns>
    /// 0, or the error: <see cref="Errno.EAGAIN"/> and <see cref="Errno.ENOBUFS"/> where frames are left to be sent,
    /// <see cref="Errno.EBUSY"/> where one was dropped and others are left, <see cref="Errno.ENETDOWN"/> where the interface is down.
    /// </returns>
    public static int WakeTransmit(int socket) =>
        XdpCalls.sendto(socket, null, 0, Libc.MSG_DONTWAIT, null, 0) >= 0 ? 0 : Marshal.GetLastSystemError();

    /// <summary>Tells the kernel that there are free places, and looks for frames where busy polling is on. For poll threads, as the other.</summary>
    /// <param name="socket">The socket's descriptor.</param>
    public static void WakeReceive(int socket) => XdpCalls.recvfrom(socket, null, 0, Libc.MSG_DONTWAIT, null, null);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_socket != 0) LibXdp.xsk_socket__delete(_socket);
        if (_memory != 0) LibXdp.xsk_umem__delete(_memory);
        _socket = _memory = 0;
        NativeMemory.Free(_rings);
        GC.SuppressFinalize(this);
    }

    private void Register(byte* memory, XdpSocketOptions options)
    {
        LibXdp.xsk_umem_config config = new() { fill_size = options.FillSize, comp_size = options.TransmitSize, frame_size = options.FrameLength };
        nint made;
        ulong length = (ulong)options.Frames * options.FrameLength;
        int result = LibXdp.xsk_umem__create(&made, memory, length, _rings, _rings + 1, &config);
        if (result < 0) throw new LinuxException($"sharing {length} bytes with the kernel (xsk_umem__create)", -result);
        _memory = made;
    }

    private void Bind(string interfaceName, int queue, XdpSocketOptions options)
    {
        LibXdp.xsk_socket_config config = new()
        {
            rx_size = options.ReceiveSize,
            tx_size = options.TransmitSize,
            libxdp_flags = LibXdp.XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
            bind_flags = (ushort)((options.ZeroCopy ? XdpCalls.XDP_ZEROCOPY : XdpCalls.XDP_COPY) | XdpCalls.XDP_USE_NEED_WAKEUP),
        };
        nint made;
        int result = LibXdp.xsk_socket__create_shared(&made, interfaceName, (uint)queue, _memory, _rings + 2, _rings + 3, _rings, _rings + 1,
            &config);
        if (result < 0) throw new LinuxException($"binding to queue {queue} of {interfaceName} (xsk_socket__create_shared)", -result);
        _socket = made;
    }

    private void SetOption(int option, int value, string name)
    {
        if (Libc.setsockopt(Descriptor, Libc.SOL_SOCKET, option, &value, sizeof(int)) < 0) throw LinuxException.Last($"setsockopt({name})");
    }

    private static XdpRing View(LibXdp.xsk_ring* ring) => new()
    {
        Producer = ring->producer,
        Consumer = ring->consumer,
        Flags = ring->flags,
        Entries = ring->ring,
        Size = ring->size,
    };
}
