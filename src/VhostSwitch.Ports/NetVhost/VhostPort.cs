using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.Net;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;

namespace VhostSwitch.Ports.NetVhost;

/// <summary>
/// A guest's device as a port of the switch: turns the device's rings into queues of the data plane as they start and stop,
/// and says why no frame flows. Lives on the control thread.
/// </summary>
public sealed class VhostPort : IDeviceOwner
{
    private readonly PortHost _dataPlane;
    private readonly GuestQueueFactory _factory;
    private readonly SortedDictionary<int, Queue> _queues = [];
    private readonly SortedDictionary<int, CounterBlock> _counters = [];
    private readonly PrivateMemoryProbe _privateMemory = new();
    private Device? _device;

    /// <summary>Makes a port without a device and attaches it.</summary>
    /// <param name="dataPlane">Where the port's frames go.</param>
    /// <param name="factory">Makes the queues.</param>
    /// <param name="port">The port, not attached yet.</param>
    public VhostPort(PortHost dataPlane, GuestQueueFactory factory, Port port)
    {
        _dataPlane = dataPlane;
        _factory = factory;
        Port = port;
        dataPlane.Attach(port);
    }

    /// <summary>The port.</summary>
    public Port Port { get; }

    /// <summary>Told once when both rings of the first pair run: the device is there.</summary>
    public event Action<VhostPort>? Added;

    /// <inheritdoc/>
    public event Action<string>? Noted;

    /// <inheritdoc/>
    public string Name => Port.Name;

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
            if (_device is not { } device) return "waiting for a front-end";
            return device.IsBroken ? device.Describe() : _privateMemory.Verdict ?? device.Describe();
        }
    }

    /// <inheritdoc/>
    public void Connect(Device device) => _device = device;

    /// <inheritdoc/>
    public void Check()
    {
        if (_device is not { } device) return;
        foreach (var ring in device.Rings)
        {
            if (_queues.TryGetValue(ring.Index, out var queue) && GuestQueues.BreakIfFaulty(device, ring, (IGuestQueue)queue) is { } reason) Noted?.Invoke(reason);
        }
        if (_privateMemory.Check(device)) Noted?.Invoke(_privateMemory.Verdict!);
    }

    /// <summary>Takes the port away. Its device is stopped already.</summary>
    public void Dispose()
    {
        _dataPlane.Detach(Port);
        foreach (var counters in _counters.Values)
            counters.Dispose();
    }

    /// <inheritdoc/>
    public void RingRunning(Device device, Vring ring)
    {
        if (!_counters.TryGetValue(ring.Index, out var counters)) _counters.Add(ring.Index, counters = new CounterBlock());
        // A disabled transmit ring is emptied and its frames dropped; a disabled receive ring is left alone.
        if (ring.IsGuestReceive && !ring.Enabled) return;
        var queue = ring.IsGuestReceive ? (Queue)_factory.Enqueue(device, ring, counters) : _factory.Dequeue(device, ring, counters);
        if (((IGuestQueue)queue).Resynchronised)
            Noted?.Invoke($"ring {ring.Index} goes on from its used index, not from the front-end's base {ring.Base}: frames may have been lost");
        _queues.Add(ring.Index, queue);
        Apply();
        if (IsAdded || !_queues.ContainsKey(0) || !_queues.ContainsKey(1)) return;
        IsAdded = true;
        Added?.Invoke(this);
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

    private void Remove(int ring)
    {
        if (_queues.Remove(ring)) Apply();
    }

    private void Apply() => _dataPlane.SetQueues(Port, [.. _queues.Values.OfType<InputQueue>()], [.. _queues.Values.OfType<OutputQueue>()]);
}
