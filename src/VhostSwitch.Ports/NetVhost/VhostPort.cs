using VhostSwitch.Dataplane;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.Net;

namespace VhostSwitch.Ports.NetVhost;

/// <summary>A front-end's device with a port of its own, which begins and ends with the connection.</summary>
public sealed class VhostPort : VhostRings
{
    private readonly PortHost _dataPlane;

    /// <summary>Makes a port without a device and attaches it.</summary>
    /// <param name="dataPlane">Where the port's frames go.</param>
    /// <param name="factory">Makes the queues.</param>
    /// <param name="port">The port, not attached yet.</param>
    public VhostPort(PortHost dataPlane, GuestQueueFactory factory, Port port)
        : base(dataPlane, factory)
    {
        _dataPlane = dataPlane;
        Port = port;
        dataPlane.Attach(port);
    }

    /// <summary>The port.</summary>
    public Port Port { get; }

    /// <inheritdoc/>
    public override string Name => Port.Name;

    /// <inheritdoc/>
    public override void Dispose()
    {
        _dataPlane.Detach(Port);
        foreach (var counters in Counters.Values)
            counters.Dispose();
    }

    /// <inheritdoc/>
    protected override CounterBlock MakeCounters(Vring ring) => new();

    /// <inheritdoc/>
    protected override void Use(InputQueue[] inputs, OutputQueue[] outputs) => _dataPlane.SetQueues(Port, inputs, outputs);
}
