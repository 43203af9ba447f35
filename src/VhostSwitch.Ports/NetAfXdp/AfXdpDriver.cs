namespace VhostSwitch.Ports.NetAfXdp;

/// <summary>Interfaces of the kernel, by AF_XDP sockets: frames pass the kernel's network stack by.</summary>
public sealed class AfXdpDriver : PortDriver
{
    /// <inheritdoc/>
    public override string Name => "net_af_xdp";

    /// <inheritdoc/>
    public override string QueuesArgument => "queue_count";

    /// <inheritdoc/>
    public override string Summary => "an interface of the kernel by AF_XDP sockets, past the kernel's network stack";

    /// <inheritdoc/>
    public override IReadOnlyList<DriverArgument> Arguments { get; } =
    [
        new("iface", "NAME", "The interface. Required."),
        new("start_queue", "N", "The first of its queues. Default: 0."),
        new("queue_count", "N", "How many queues. Frames that arrive at others stay with the kernel. Default: 1."),
        new("busy_budget", "N", "The most frames of a busy poll of the interface by the poll thread; 0 has the interface interrupt. Default: 0."),
        new("force_copy", "0|1", "1: zero copy is not tried. Default: 0."),
        new("mode", "auto|native|skb",
            "Where frames are taken: in the interface's driver, or generically behind it, which is slower. Default: auto, the first that works."),
    ];

    /// <inheritdoc/>
    public override PortDevice Create(Vdev vdev, PortContext context) => new AfXdpDevice(vdev, context);
}
