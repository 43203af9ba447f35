namespace VhostSwitch.Ports.NetNull;

/// <summary>Devices that take every frame and give frames without end, or none: the data path without any device.</summary>
public sealed class NullDriver : PortDriver
{
    /// <inheritdoc/>
    public override string Name => "net_null";

    /// <inheritdoc/>
    public override string FormerName => "eth_null";

    /// <inheritdoc/>
    public override string Summary => "takes every frame and gives frames of zeros, for measurements";

    /// <inheritdoc/>
    public override IReadOnlyList<DriverArgument> Arguments { get; } =
    [
        new("size", "BYTES", "Length of the frames it gives. Default: 64."),
        new("copy", "0|1", "1: frames are copied to and from memory of its own. Default: 0."),
        new("no-rx", "0|1", "1: it gives no frames. Default: 1, since a switch has other ports that frames would flood."),
    ];

    /// <inheritdoc/>
    public override PortDevice Create(Vdev vdev, PortContext context) => new NullDevice(vdev, context);
}
