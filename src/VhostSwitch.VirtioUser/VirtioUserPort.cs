using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;
using VhostSwitch.Virtio.Split;

using static VhostSwitch.VirtioUser.DriverRings;

namespace VhostSwitch.VirtioUser;

/// <summary>What a port's link is.</summary>
public enum LinkState
{
    /// <summary>Not started, or stopped.</summary>
    Stopped,

    /// <summary>Frames can flow.</summary>
    Up,

    /// <summary>The back-end is gone. <see cref="VirtioUserPort.Start"/> connects anew.</summary>
    Down,

    /// <summary>
    /// The back-end broke the rules of a ring. <see cref="VirtioUserPort.Start"/> after <see cref="VirtioUserPort.Stop"/> sets the
    /// rings up anew.
    /// </summary>
    Broken,
}

/// <summary>
/// A virtio network driver in user space on a vhost-user socket, as a front-end (DPDK calls it <c>virtio_user</c>): queue pairs
/// on split or packed rings, its own memory shared with the back-end.
/// </summary>
/// <remarks>
/// Two kinds of callers. One control thread starts, stops and disposes. One owner thread for each queue pair moves frames:
/// <see cref="Borrow"/>, <see cref="Transmit"/>, <see cref="Return"/>, <see cref="Receive"/>, <see cref="Release"/>,
/// <see cref="Wait"/>; these never throw because of what the back-end does, and do nothing while the link is not up. Owners do
/// not call while the port is started, stopped or disposed; parts lent before are void afterwards.
/// </remarks>
public sealed unsafe class VirtioUserPort : IDisposable
{
    private readonly VirtioUserOptions _options;
    private readonly DriverMemory _memory;
    private readonly DriverRings _rings;

    // By ring.
    private readonly BufferPool[] _buffers;

    // By pair.
    private readonly Epoll[] _called;

    private VhostUserBackEnd? _backEnd;
    private LinkMonitor? _monitor;

    // By pair. Replaced by the control thread at each start; read by the owners.
    private readonly ReceiveQueue[] _receive;
    private readonly TransmitQueue[] _transmit;

    // Written by the control thread, the monitor and the owners; read by anyone.
    private volatile LinkState _link;
    private volatile string _linkReason = "not started";

    /// <summary>Makes the port and its memory. Nothing is connected yet.</summary>
    /// <param name="options">What it is made of.</param>
    /// <exception cref="ArgumentException">An option cannot be.</exception>
    /// <exception cref="LinuxException">No memory, or no descriptor left.</exception>
    public VirtioUserPort(VirtioUserOptions options)
    {
        options.Validate();
        _options = options;
        int pairs = options.Queues;
        _buffers = new BufferPool[RingsOfAPair * pairs];
        _called = new Epoll[pairs];
        _receive = new ReceiveQueue[pairs];
        _transmit = new TransmitQueue[pairs];
        int receiveBuffers = options.ReceiveBuffers ?? options.QueueSize;
        int transmitBuffers = options.TransmitBuffers ?? options.QueueSize;
        Span<nuint> lengths = stackalloc nuint[options.MemoryRegions];
        for (int region = 0; region < lengths.Length; region++)
        {
            int buffers = BufferPool.CountIn(region, receiveBuffers, lengths.Length) + BufferPool.CountIn(region, transmitBuffers, lengths.Length);
            lengths[region] = (nuint)pairs * BufferPool.LengthFor(buffers, options.BufferSize);
            if (region == 0) lengths[region] += DriverRings.LengthFor(pairs, options.QueueSize);
        }
        _memory = new DriverMemory(lengths, options.GuestPhysicalStart);
        try
        {
            _rings = new DriverRings(_memory, pairs, options.QueueSize);
            for (int pair = 0; pair < pairs; pair++)
                _called[pair] = new Epoll();
            for (int ring = 0; ring < _rings.Count; ring++)
            {
                _called[ring / RingsOfAPair].Add(_rings.Calls[ring].Number, (ulong)ring);
                _buffers[ring] = new BufferPool(_memory, ring % RingsOfAPair == ReceiveRing ? receiveBuffers : transmitBuffers, options.BufferSize);
            }
            MakeQueues(options.Features);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What the port was made of.</summary>
    public VirtioUserOptions Options => _options;

    /// <summary>The port's own address.</summary>
    public MacAddress Mac => _options.Mac;

    /// <summary>What both sides agreed on at the last start.</summary>
    public Features Features { get; private set; }

    /// <summary>True where the last start agreed on packed rings.</summary>
    public bool IsPacked => (Features & Features.RingPacked) != 0;

    /// <summary>Bytes of the network header before each frame.</summary>
    public int HeaderLength => NetHeader.LengthFor(Features);

    /// <summary>The most bytes of a frame that one buffer holds.</summary>
    public int Capacity => _options.BufferSize - HeaderLength;

    /// <summary>The state of the link. Any thread may ask.</summary>
    public LinkState Link => _link;

    /// <summary>One sentence about <see cref="Link"/>. Any thread may ask.</summary>
    public string LinkReason => _linkReason;

    /// <summary>Frames given to the back-end since the last start. Any thread may ask.</summary>
    public ulong TransmittedFrames => Sum(_transmit, static q => q.Frames);

    /// <summary>Frames taken from the back-end since the last start. Any thread may ask.</summary>
    public ulong ReceivedFrames => Sum(_receive, static q => q.Frames);

    /// <summary>Received frames thrown away because they had more parts than the caller's span, since the last start.</summary>
    public ulong OversizedFrames => Sum(_receive, static q => q.Oversized);

    /// <summary>Kicks sent since the last start. Any thread may ask.</summary>
    public ulong Kicks => Sum(_receive, static q => q.Kicks) + Sum(_transmit, static q => q.Kicks);

    /// <summary>Connects where there is no connection, negotiates, hands memory and rings over and starts them.</summary>
    /// <exception cref="VirtioUserException">Nobody listens, or the back-end refused, did not answer in time or broke the protocol.</exception>
    public void Start()
    {
        if (_link == LinkState.Up) return;
        if (_link != LinkState.Stopped) Disconnect();
        try
        {
            if (_backEnd is null) Connect();
            Negotiate();
            MakeQueues(Features);
            Span<uint> positions = stackalloc uint[_rings.Count];
            positions.Fill(IsPacked ? PackedStart : 0);
            _backEnd!.Start(_memory, _rings, positions, _options.Queues);
        }
        catch (VirtioUserException)
        {
            Disconnect();
            throw;
        }
        SetLink(LinkState.Up, "up");
        // The rings run before anyone has posted anything new: the first kick says so (VIRTIO has no other way for buffers
        // that were available before).
        for (int pair = 0; pair < _options.Queues; pair++)
        {
            _receive[pair].Kick();
            EventFd.SignalPeer(_rings.Kicks[(pair * RingsOfAPair) + TransmitRing].Number);
        }
        _monitor!.Watch();
        // A connection that ended while the rings were made ready has said so before the link was up.
        if (_monitor.Trouble is { } trouble) LoseLink(trouble);
    }

    /// <summary>Stops the rings and keeps the connection, so that the port can be started again. The owner thread has stopped before.</summary>
    public void Stop()
    {
        if (_link is LinkState.Stopped || _backEnd is null)
        {
            SetLink(LinkState.Stopped, "stopped");
            return;
        }
        try
        {
            if (_link != LinkState.Down)
            {
                _backEnd.Stop();
                SetLink(LinkState.Stopped, "stopped");
                return;
            }
        }
        catch (VirtioUserException)
        {
            // A back-end that does not answer any more is stopped as well.
        }
        Disconnect();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_link == LinkState.Up) Stop();
        Disconnect();
        foreach (var called in _called) called?.Dispose();
        _rings?.Dispose();
        _memory.Dispose();
    }

    /// <summary>Lends the caller free buffers to fill. Owner thread.</summary>
    /// <param name="parts">Receives them; <see cref="FramePart.Length"/> is how much fits.</param>
    /// <param name="pair">The queue pair.</param>
    /// <returns>How many there were; 0 while the link is not up.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Borrow(Span<FramePart> parts, int pair = 0)
    {
        if (_link != LinkState.Up) return 0;
        int count = _transmit[pair].Borrow(parts);
        if (count == 0) CheckRings(pair);
        return count;
    }

    /// <summary>Sends frames from borrowed buffers, without copying them. Owner thread.</summary>
    /// <param name="parts">
    /// Whole frames; each part's <see cref="FramePart.Length"/> set, and <see cref="FramePart.More"/> on all but the last part of a
    /// frame.
    /// </param>
    /// <param name="pair">The queue pair.</param>
    /// <returns>How many parts were sent. The others still belong to the caller; 0 while the link is not up.</returns>
    /// <exception cref="ArgumentException">A length is more than a buffer holds, or the last part has <see cref="FramePart.More"/>.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Transmit(ReadOnlySpan<FramePart> parts, int pair = 0) => _link == LinkState.Up ? _transmit[pair].Transmit(parts) : 0;

    /// <summary>Takes borrowed buffers back that were not sent. Owner thread.</summary>
    /// <param name="parts">Parts from <see cref="Borrow"/>.</param>
    /// <param name="pair">The queue pair they were borrowed from.</param>
    public void Return(ReadOnlySpan<FramePart> parts, int pair = 0) => _transmit[pair].Return(parts);

    /// <summary>Lends the caller the frames that have come in, where the back-end put them. Owner thread.</summary>
    /// <param name="parts">
    /// Receives whole frames in order; a frame of several buffers is several parts. A frame with more parts than this span has is
    /// thrown away and counted.
    /// </param>
    /// <param name="pair">The queue pair.</param>
    /// <returns>How many parts; 0 while the link is not up. Give them back with <see cref="Release"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Receive(Span<FramePart> parts, int pair = 0)
    {
        if (_link != LinkState.Up) return 0;
        int count = _receive[pair].Receive(parts);
        if (count == 0) CheckRings(pair);
        return count;
    }

    /// <summary>Takes received parts back; the back-end fills their buffers again. Owner thread.</summary>
    /// <param name="parts">Parts from <see cref="Receive"/>, best in the same order.</param>
    /// <param name="pair">The queue pair they came from.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Release(ReadOnlySpan<FramePart> parts, int pair = 0)
    {
        if (_link == LinkState.Up) _receive[pair].Release(parts);
    }

    /// <summary>The network header of a received frame: offloads the back-end asks for or vouches for.</summary>
    /// <param name="first">The frame's first part.</param>
    public NetHeader* HeaderOf(in FramePart first) => (NetHeader*)(first.Data - HeaderLength);

    /// <summary>
    /// Sleeps until a frame has come in or, when no transmit buffer is free, one has come back. Owner thread, and the only place
    /// where it waits: between calls of this method the back-end is asked not to call.
    /// </summary>
    /// <param name="timeoutMs">How long at most, in milliseconds.</param>
    /// <param name="pair">The queue pair.</param>
    /// <returns>True when there is something to look at; false after the time.</returns>
    public bool Wait(int timeoutMs, int pair = 0)
    {
        if (_link != LinkState.Up) return true;
        var receive = _receive[pair];
        var transmit = _transmit[pair];
        bool full = transmit.Free == 0;
        receive.WantCalls(true);
        if (full) transmit.WantCalls(true);
        RingOrder.FenceBeforeNotifyCheck();
        bool ready = receive.HasUsed() || (full && transmit.HasUsed());
        if (!ready)
        {
            Span<ulong> rings = stackalloc ulong[RingsOfAPair];
            int count = _called[pair].Wait(rings, timeoutMs);
            for (int i = 0; i < count; i++)
                EventFd.Drain(_rings.Calls[(int)rings[i]].Number);
            ready = count != 0;
        }
        receive.WantCalls(false);
        if (full) transmit.WantCalls(false);
        return ready;
    }

    private static ulong Sum<T>(T[] queues, Func<T, ulong> count)
    {
        ulong sum = 0;
        foreach (var queue in queues) sum += count(queue);
        return sum;
    }

    private void Connect()
    {
        var connection = VhostUserConnection.To(_options.Path, _options.Timeout);
        try
        {
            _backEnd = new VhostUserBackEnd(connection);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
        if (_backEnd.MaxPairs < _options.Queues)
            throw new VirtioUserException($"the back-end at {_options.Path} has {_backEnd.MaxPairs} queue pairs, {_options.Queues} are wanted");
        _monitor = new LinkMonitor(connection, LoseLink);
    }

    private void Negotiate()
    {
        Features = (_options.Features | (_options.Queues > 1 ? Features.Mq : 0)) & _backEnd!.Offered;
        if ((_options.Features & Features.Version1) != 0 && (Features & Features.Version1) == 0)
            throw new VirtioUserException($"the back-end at {_options.Path} offers no VERSION_1");
        if (!IsPacked && !SplitLayout.IsValidSize((uint)_options.QueueSize))
        {
            throw new VirtioUserException(
                $"the back-end at {_options.Path} offers no RING_PACKED, and a split ring of {_options.QueueSize} entries cannot be");
        }
        _backEnd.Negotiate(Features, _rings, _options.Queues);
    }

    private void MakeQueues(Features features)
    {
        for (int pair = 0; pair < _options.Queues; pair++)
        {
            int receive = (pair * RingsOfAPair) + ReceiveRing, transmit = (pair * RingsOfAPair) + TransmitRing;
            if ((features & Features.RingPacked) != 0) MakePair(pair, features, _rings.MakePacked(receive, features), _rings.MakePacked(transmit, features));
            else MakePair(pair, features, _rings.MakeSplit(receive, features), _rings.MakeSplit(transmit, features));
        }
        foreach (var call in _rings.Calls) EventFd.Drain(call.Number);
    }

    private void MakePair<TRing>(int pair, Features features, TRing receive, TRing transmit)
        where TRing : struct, IDriverRing
    {
        int ring = pair * RingsOfAPair;
        _receive[pair] = new ReceiveQueue<TRing>(receive, _buffers[ring + ReceiveRing], features, _rings.Kicks[ring + ReceiveRing].Number);
        _transmit[pair] = new TransmitQueue<TRing>(transmit, _buffers[ring + TransmitRing], features, _rings.Kicks[ring + TransmitRing].Number);
    }

    private void Disconnect()
    {
        _monitor?.Dispose();
        _monitor = null;
        _backEnd?.Dispose();
        _backEnd = null;
        SetLink(LinkState.Stopped, "stopped");
    }

    // The monitor's thread.
    private void LoseLink(string reason)
    {
        SetLink(LinkState.Down, reason);
        // Whoever sleeps in Wait looks at the link again.
        for (int ring = ReceiveRing; ring < _rings.Count; ring += RingsOfAPair)
            EventFd.Signal(_rings.Calls[ring].Number);
    }

    // An owner, when there is nothing to do anyway.
    private void CheckRings(int pair)
    {
        if (_receive[pair].Fault is { } ofReceive) Break("receive", pair, ofReceive);
        else if (_transmit[pair].Fault is { } ofTransmit) Break("transmit", pair, ofTransmit);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Break(string queue, int pair, string fault)
    {
        if (_link == LinkState.Up)
            SetLink(LinkState.Broken, $"{queue} queue{(_options.Queues > 1 ? $" {pair}" : "")}: {fault}");
    }

    private void SetLink(LinkState state, string reason)
    {
        _linkReason = reason;
        _link = state;
    }
}
