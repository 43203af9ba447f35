using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;

namespace VhostSwitch.Vhost.Net;

/// <summary>
/// A guest's network device for threads of the program: bursts of frames are taken from the guest on loan and sent to a guest by
/// one copy. Every ring may be used by any thread, by one at a time; a ring that the guest stops brings and takes nothing.
/// </summary>
public sealed unsafe class NetDevice : IDeviceOwner
{
    private readonly NetServer _server;
    private readonly RingSlot[] _rings;
    private Device? _device;

    internal NetDevice(int id, int maxQueuePairs, NetServer server)
    {
        Id = id;
        _server = server;
        _rings = [.. Enumerable.Range(0, 2 * maxQueuePairs).Select(_ => new RingSlot())];
    }

    /// <inheritdoc/>
    public event Action<string>? Noted;

    /// <summary>The device's number, from 0, unique among those that are connected.</summary>
    public int Id { get; }

    /// <inheritdoc/>
    public string Name => $"vhost{Id}";

    /// <summary>The path of the socket by which its front-end came.</summary>
    public string Endpoint { get; internal set; } = "";

    /// <summary>True once both rings of the first pair have run.</summary>
    public bool IsAdded { get; private set; }

    /// <summary>The negotiated features.</summary>
    public Features Features => _device?.Features ?? Features.None;

    /// <summary>The negotiated protocol features.</summary>
    public ProtocolFeatures ProtocolFeatures => _device?.ProtocolFeatures ?? ProtocolFeatures.None;

    /// <summary>The MTU that the front-end set; 0 where it did not.</summary>
    public int Mtu => _device?.Mtu ?? 0;

    /// <summary>The guest's memory; without regions until the front-end has shared it. Valid while the device is connected.</summary>
    public GuestMemory Memory => _device?.Memory.Guest ?? GuestMemory.Empty;

    /// <summary>The most queue pairs.</summary>
    public int MaxQueuePairs => _rings.Length / 2;

    /// <summary>True where a ring runs and is enabled.</summary>
    /// <param name="ring">The ring: 2i by which the guest receives on pair i, 2i + 1 by which it sends.</param>
    public bool IsUsable(int ring) => _rings[ring].Usable;

    /// <summary>Takes frames that the guest has sent, on loan: they stay in its memory until <see cref="Return"/>.</summary>
    /// <param name="pair">The queue pair.</param>
    /// <param name="burst">Receives the frames, at most <see cref="Burst.MaxFrames"/>.</param>
    /// <returns>How many; only where it is not 0 there is a loan to return. Frames that break the rules are among them, marked as dropped.</returns>
    public int Receive(int pair, Burst burst)
    {
        var slot = _rings[(2 * pair) + 1];
        slot.Enter();
        burst.Count = 0;
        if (slot.Queue is InputQueue queue) queue.Receive(burst);
        if (burst.Count == 0) slot.Exit();
        return burst.Count;
    }

    /// <summary>Gives a loan back, and tells the guest where it wants to hear of it.</summary>
    /// <param name="pair">The pair it was taken from.</param>
    /// <param name="burst">The loan.</param>
    public void Return(int pair, Burst burst)
    {
        var slot = _rings[(2 * pair) + 1];
        var queue = (InputQueue)slot.Queue!;
        queue.Return(burst);
        Decide(queue);
        slot.Exit();
        burst.Count = 0;
    }

    /// <summary>Sends frames to the guest, all of a burst but the dropped ones, and marks those that were taken as delivered.</summary>
    /// <param name="pair">The queue pair.</param>
    /// <param name="burst">The loan the frames are from, of this device or of another.</param>
    /// <returns>How many the guest got. What it has no buffers for is left, and may be tried again.</returns>
    public int Send(int pair, Burst burst)
    {
        ushort* which = stackalloc ushort[Burst.MaxFrames];
        int count = 0;
        for (int i = 0; i < burst.Count; i++)
        {
            if (burst.Frames[i].Output < Frame.Dropped || burst.Frames[i].Output == Frame.Undecided) which[count++] = (ushort)i;
        }
        var slot = _rings[2 * pair];
        slot.Enter();
        if (slot.Queue is OutputQueue queue && count > 0)
        {
            _ = queue.Send(burst, which, count);
            Decide(queue);
        }
        slot.Exit();
        int delivered = 0;
        for (int i = 0; i < count; i++)
        {
            if (burst.Frames[which[i]].Delivered) delivered++;
        }
        return delivered;
    }

    /// <summary>Asks the guest for a kick with its next frame, for threads that want to sleep.</summary>
    /// <param name="pair">The queue pair.</param>
    /// <returns>The descriptor that becomes readable; -1 where there is none, or where frames are there already: poll then.</returns>
    public int EnableKicks(int pair)
    {
        var slot = _rings[(2 * pair) + 1];
        slot.Enter();
        int descriptor = -1;
        if (slot.Queue is InputQueue queue)
        {
            queue.EnableKicks();
            RingOrder.FenceBeforeNotifyCheck();
            if (!queue.HasFrames()) descriptor = queue.KickDescriptor;
        }
        slot.Exit();
        return descriptor;
    }

    /// <summary>Asks the guest not to kick, as it is from the start.</summary>
    /// <param name="pair">The queue pair.</param>
    public void DisableKicks(int pair)
    {
        var slot = _rings[(2 * pair) + 1];
        slot.Enter();
        (slot.Queue as InputQueue)?.DisableKicks();
        slot.Exit();
    }

    /// <summary>A copy of a ring's counters. They go on when the guest sets the ring up anew.</summary>
    /// <param name="ring">The ring.</param>
    public QueueCounters Counters(int ring)
    {
        var slot = _rings[ring];
        slot.Enter();
        var counters = slot.Counters is { } block ? *block.Counters : default;
        slot.Exit();
        return counters;
    }

    /// <summary>One line: that frames can flow, or why they cannot. Control thread.</summary>
    public string Describe() => _device?.Describe() ?? "waiting for a front-end";

    /// <inheritdoc/>
    public void Connect(Device device) => _device = device;

    /// <inheritdoc/>
    public void Check()
    {
        foreach (var ring in _device!.Rings)
        {
            if (_rings[ring.Index].Queue is IGuestQueue queue && GuestQueues.BreakIfFaulty(_device, ring, queue) is { } reason) Noted?.Invoke(reason);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var slot in _rings)
            slot.Release();
    }

    /// <inheritdoc/>
    public void RingRunning(Device device, Vring ring)
    {
        var slot = _rings[ring.Index];
        var counters = slot.Counters ?? new CounterBlock();
        // A disabled transmit ring is emptied and its frames dropped; a disabled receive ring is left alone.
        Queue? queue = !ring.IsGuestReceive ? GuestQueueFactory.Default.Dequeue(device, ring, counters)
            : ring.Enabled ? GuestQueueFactory.Default.Enqueue(device, ring, counters)
            : null;
        slot.Set(queue, counters);
        Tell(ring.Index, ring.Enabled);
        if (IsAdded || !IsUsable(0) || !IsUsable(1)) return;
        IsAdded = true;
        _server.TellAdded(this);
    }

    /// <inheritdoc/>
    public void RingStopping(Device device, Vring ring)
    {
        // Waits for whoever has a burst on loan.
        if (_rings[ring.Index].Take() is IGuestQueue queue) device.RingStoppedAt(ring, queue.Base);
        Tell(ring.Index, false);
    }

    /// <inheritdoc/>
    public void RingEnabledChanged(Device device, Vring ring)
    {
        RingStopping(device, ring);
        RingRunning(device, ring);
    }

    /// <inheritdoc/>
    public void RingCallChanged(Device device, Vring ring)
    {
        var slot = _rings[ring.Index];
        slot.Enter();
        (slot.Queue as IGuestQueue)?.SetCall(ring.Call?.Number ?? -1);
        slot.Exit();
        // What was published while there was nobody to tell is told now: one notification too many does no harm.
        if (ring.Call is { } call) EventFd.SignalPeer(call.Number);
    }

    /// <inheritdoc/>
    public void TranslationsChanged(Device device)
    {
        foreach (var slot in _rings)
        {
            slot.Enter();
            slot.Exit();
        }
    }

    /// <inheritdoc/>
    public void FeaturesChanged(Device device) => _server.TellFeatures(this);

    /// <inheritdoc/>
    public void Announce(Device device, ulong mac)
    {
        if (_rings.Select(r => r.Queue).OfType<IAnnouncer>().FirstOrDefault() is { } queue) queue.Announce(mac);
    }

    private void Tell(int ring, bool usable)
    {
        if (_rings[ring].Usable == usable) return;
        _rings[ring].Usable = usable;
        _server.TellRing(this, ring, usable);
    }

    private static void Decide(Queue queue)
    {
        if (!queue.NotificationOpen) return;
        RingOrder.FenceBeforeNotifyCheck();
        queue.DecideNotification();
    }

    // One ring's queue, and the lock of whoever uses it.
    private sealed class RingSlot
    {
        private SpinLock _lock = new(enableThreadOwnerTracking: false);

        public Queue? Queue { get; private set; }

        public bool Usable { get; set; }

        public CounterBlock? Counters { get; private set; }

        public void Enter()
        {
            bool taken = false;
            _lock.Enter(ref taken);
        }

        public void Exit() => _lock.Exit(useMemoryBarrier: true);

        public void Set(Queue? queue, CounterBlock counters)
        {
            Enter();
            Queue = queue;
            Counters = counters;
            Exit();
        }

        public Queue? Take()
        {
            Enter();
            var queue = Queue;
            Queue = null;
            Exit();
            return queue;
        }

        public void Release()
        {
            Enter();
            Queue = null;
            Counters?.Dispose();
            Counters = null;
            Exit();
        }
    }
}
