namespace VhostSwitch.Ports.NetVhost;

/// <summary>A vhost-user socket as a port, for one front-end at a time.</summary>
public sealed class VhostDriver : PortDriver
{
    /// <inheritdoc/>
    public override string Name => "net_vhost";

    /// <inheritdoc/>
    public override string FormerName => "eth_vhost";

    /// <inheritdoc/>
    public override string QueuesArgument => "queues";

    /// <inheritdoc/>
    public override string Summary => "a vhost-user socket for one guest or program at a time; the port stays when it goes";

    /// <inheritdoc/>
    public override IReadOnlyList<DriverArgument> Arguments { get; } =
    [
        new("iface", "PATH", "The socket. Required."),
        new("queues", "N", "The most queue pairs of the front-end, 1 to 128. Default: 1."),
        new("tso", "0|1", "1: the front-end may send segments longer than a frame, and gets some. Default: 0."),
        new("iommu-support", "0|1", "1: a guest may have an IOMMU before its device. Default: 0."),
        new("postcopy-support", "0|1", "1: a guest may migrate here ahead of its memory. Default: 0."),
        new("client", "0|1", "1: the front-end serves the socket, and is connected to again and again. Default: 0."),
        new("dequeue-zero-copy", "0", "1 is not built."),
        new("linear-buffer", "0", "1 is not built."),
        new("ext-buffer", "0", "1 is not built."),
        new("legacy-ol-flags", "0", "1 is not built."),
    ];

    /// <inheritdoc/>
    public override PortDevice Create(Vdev vdev, PortContext context) => new VhostDevice(vdev, VhostOptions.Of(vdev), context);
}
