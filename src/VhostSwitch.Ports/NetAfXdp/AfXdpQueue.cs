using VhostSwitch.Linux;

namespace VhostSwitch.Ports.NetAfXdp;

/// <summary>
/// One queue of an interface: the socket with its memory, of which the first places are for frames that arrive and the others for frames
/// to be sent, and what the input and the output of the queue tell each other.
/// </summary>
internal sealed unsafe class AfXdpQueue : IDisposable
{
    /// <summary>
    /// Length in bytes of a frame's place: a page, the most the kernel takes without huge pages. The kernel leaves 256 bytes of it free before
    /// a frame that arrives (XDP_PACKET_HEADROOM).
    /// </summary>
    public const int PlaceLength = 4096;

    /// <summary>What the kernel leaves free before a frame that arrives, in bytes.</summary>
    public const int Headroom = 256;

    /// <summary>
    /// Places for frames that arrive: as many again as the receive ring holds, for those in the interface and on loan. As DPDK has them.
    /// </summary>
    public const int ReceivePlaces = 4096;

    /// <summary>Places for frames to be sent: the transmit ring full, so that a free place always has an entry there.</summary>
    public const int TransmitPlaces = 2048;

    /// <summary>The memory of a queue in bytes.</summary>
    public const int MemoryLength = (ReceivePlaces + TransmitPlaces) * PlaceLength;

    private const int ReceiveEntries = 2048;

    // Frames that the kernel has copied wait for the interface in buffers of their own. Room for a full transmit ring of the longest,
    // so that the ring is what limits them; the kernel counts some 2.5 KiB for a frame of 1518 bytes and doubles what it is told.
    private const int SendBuffer = TransmitPlaces * PlaceLength;

    // As DPDK has it.
    private const int BusyPollUs = 20;

    // Set by the output when the kernel left frames unsent, cleared by whoever has it send them.
    private int _unsent;

    /// <param name="interfaceName">The interface.</param>
    /// <param name="queue">The interface's queue.</param>
    /// <param name="memory">Page aligned, <see cref="MemoryLength"/> bytes.</param>
    /// <param name="zeroCopy">True to demand zero copy.</param>
    /// <param name="busyBudget">The most frames of a busy poll; 0 not to poll so.</param>
    /// <exception cref="LinuxException">As <see cref="XdpSocket"/>, and where busy polling is refused.</exception>
    public AfXdpQueue(string interfaceName, int queue, byte* memory, bool zeroCopy, int busyBudget)
    {
        Memory = memory;
        IsBusyPolled = busyBudget > 0;
        Socket = new XdpSocket(interfaceName, queue, memory,
            new(PlaceLength, ReceivePlaces + TransmitPlaces, ReceivePlaces, ReceiveEntries, TransmitPlaces, zeroCopy));
        try
        {
            Socket.SetSendBuffer(SendBuffer);
            if (IsBusyPolled) Socket.PreferBusyPolling(busyBudget, BusyPollUs);
        }
        catch
        {
            Socket.Dispose();
            throw;
        }
    }

    /// <summary>The socket.</summary>
    public XdpSocket Socket { get; }

    /// <summary>The memory it shares with the kernel.</summary>
    public byte* Memory { get; }

    /// <summary>True where an empty look at the receive ring has the kernel poll the interface.</summary>
    public bool IsBusyPolled { get; }

    /// <summary>
    /// True while the kernel has left frames in the transmit ring unsent though it was told of them: the poll thread of the input tells it again,
    /// since nobody may send by the output for a long time.
    /// </summary>
    public bool HasUnsent
    {
        get => Volatile.Read(ref _unsent) != 0;
        set => Volatile.Write(ref _unsent, value ? 1 : 0);
    }

    /// <inheritdoc/>
    public void Dispose() => Socket.Dispose();
}
