using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.Net;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;

namespace VhostSwitch.Ports.NetVhost;

/// <summary>
/// The device of one front-end on a port of the switch: turns the device's rings into queues of the data plane as they start and stop,
/// and says why no frame flows. Lives on the control thread.
/// </summary>
public abstract class VhostRings : IDeviceOwner
{
    private readonly PortHost _dataPlane;
    private readonly GuestQueueFactory _factory;
    private readonly SortedDictionary<int, Queue> _queues = [];
    private readonly SortedDictionary<int, CounterBlock> _counters = [];
    private readonly PrivateMemoryProbe _privateMemory = new();

    /// <summary>Begins without a device.</summary>
    /// <param name="dataPlane">Where the frames go.</param>
    /// <param name="factory">Makes the queues.</param>
    protected VhostRings(PortHost dataPlane, GuestQueueFactory factory)
    {
        _dataPlane = dataPlane;
        _factory = factory;
    }

    /// <summary>Told once when both rings of the first pair run: the device is there.</summary>
    public event Action? Added;

    /// <inheritdoc/>
    public event Action<string>? Noted;

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <summary>The device; null before it is connected.</summary>
    public Device? Device { get; private set; }

    /// <summary>True once <see cref="Added"/> was told.</summary>
    public bool IsAdded { get; private set; }

    /// <summary>The queues in use, by the ring they work on.</summary>
    public IReadOnlyDictionary<int, Queue> Queues => _queues;

    /// <summary>The counters, by ring. They outlive the queues.</summary>
    public IReadOnlyDictionary<int, CounterBlock> Counters => _counters;

    /// <summary>One line: why frames flow, or why they do not.</summary>
    public string Status
    {
        get
        {
            if (Device is not { } device) return "waiting for a front-end";
            return device.IsBroken ? device.Describe() : _privateMemory.Verdict ?? device.Describe();
        }
    }

    /// <inheritdoc/>
    public void Connect(Device device) => Device = device;

    /// <inheritdoc/>
    public void Check()
    {
        if (Device is not { } device) return;
        foreach (var ring in device.Rings)
        {
            if (_queues.TryGetValue(ring.Index, out var queue) && GuestQueues.BreakIfFaulty(device, ring, (IGuestQueue)queue) is { } reason)
                Noted?.Invoke(reason);
        }
        if (_privateMemory.Check(device)) Noted?.Invoke(_privateMemory.Verdict!);
    }

    /// <summary>Lets go of the port. The device is stopped already.</summary>
    public abstract void Dispose();

    /// <inheritdoc/>
    public void RingRunning(Device device, Vring ring)
    {
        if (!_counters.TryGetValue(ring.Index, out var counters)) _counters.Add(ring.Index, counters = MakeCounters(ring));
        // A disabled transmit ring is emptied and its frames dropped; a disabled receive ring is left alone.
        if (ring.IsGuestReceive && !ring.Enabled) return;
        var queue = ring.IsGuestReceive ? (Queue)_factory.Enqueue(device, ring, counters) : _factory.Dequeue(device, ring, counters);
        if (((IGuestQueue)queue).Resynchronised)
            Noted?.Invoke($"ring {ring.Index} goes on from its used index, not from the front-end's base {ring.Base}: frames may have been lost");
        _queues.Add(ring.Index, queue);
        Apply();
        if (IsAdded || !_queues.ContainsKey(0) || !_queues.ContainsKey(1)) return;
        IsAdded = true;
        Added?.Invoke();
    }

    /// <inheritdoc/>
    public void RingStopping(Device device, Vring ring)
    {
        _privateMemory.Restart();
        if (!_queues.TryGetValue(ring.Index, out var queue)) return;
        Remove(ring.Index);
        device.RingStoppedAt(ring, ((IGuestQueue)queue).Base);
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
        if (!_queues.TryGetValue(ring.Index, out var queue)) return;
        ((IGuestQueue)queue).SetCall(ring.Call?.Number ?? -1);
        _dataPlane.WaitForThreads();
        // What was published while there was nobody to tell is told now: one notification too many does no harm.
        if (ring.Call is { } call) EventFd.SignalPeer(call.Number);
    }

    /// <inheritdoc/>
    public void TranslationsChanged(Device device) => _dataPlane.WaitForThreads();

    /// <inheritdoc/>
    public void Announce(Device device, ulong mac)
    {
        if (_queues.Values.OfType<IAnnouncer>().FirstOrDefault() is { } queue) queue.Announce(mac);
    }

    /// <summary>The counters for a ring that starts for the first time.</summary>
    /// <param name="ring">The ring.</param>
    protected abstract CounterBlock MakeCounters(Vring ring);

    /// <summary>Replaces the port's queues. On return no poll thread uses one that is not among the new ones.</summary>
    /// <param name="inputs">The queues to poll.</param>
    /// <param name="outputs">The queues to send by.</param>
    protected abstract void Use(InputQueue[] inputs, OutputQueue[] outputs);

    private void Remove(int ring)
    {
        if (_queues.Remove(ring)) Apply();
    }

    private void Apply() => Use([.. _queues.Values.OfType<InputQueue>()], [.. _queues.Values.OfType<OutputQueue>()]);
}
