using System.Runtime.CompilerServices;
using VhostSwitch.Dataplane;

namespace VhostSwitch.Ports.NetRing;

/// <summary>Devices whose frames arrive at another device of the same switch, or come back.</summary>
public sealed class RingDriver : PortDriver
{
    // Peers find each other by name within their switch; the entry goes with it.
    private readonly ConditionalWeakTable<PortHost, Dictionary<string, RingDevice>> _devices = [];

    /// <inheritdoc/>
    public override string Name => "net_ring";

    /// <inheritdoc/>
    public override string FormerName => "eth_ring";

    /// <inheritdoc/>
    public override string Summary => "two devices joined: a frame sent to one arrives at the other";

    /// <inheritdoc/>
    public override IReadOnlyList<DriverArgument> Arguments { get; } =
    [
        new("peer", "NAME", "The net_ring device where frames sent to this one arrive, and whose frames arrive here. It names this one as its peer."),
        new("loop", "0|1", "1: no peer; a frame sent to the device comes back from it. Default: 0."),
        new("size", "N", "Memory in each direction, in units of 2 KiB, a power of two: so many full frames, more of short ones. Default: 1024."),
    ];

    /// <inheritdoc/>
    public override PortDevice Create(Vdev vdev, PortContext context) =>
        new RingDevice(vdev, RingOptions.Of(vdev), context, _devices.GetOrAdd(context.DataPlane, _ => []));
}
