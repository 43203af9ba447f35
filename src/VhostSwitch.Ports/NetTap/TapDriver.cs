namespace VhostSwitch.Ports.NetTap;

/// <summary>TAP interfaces: the host's own network stack, or whatever else uses an interface, as a port of the switch.</summary>
public sealed class TapDriver : PortDriver
{
    /// <inheritdoc/>
    public override string Name => "net_tap";

    /// <inheritdoc/>
    public override string FormerName => "eth_tap";

    /// <inheritdoc/>
    public override string QueuesArgument => "queues";

    /// <inheritdoc/>
    public override string Summary => "a TAP interface of the host, made or taken over";

    /// <inheritdoc/>
    public override IReadOnlyList<DriverArgument> Arguments { get; } =
    [
        new("iface", "NAME",
            "The interface. One that does not exist is made, and removed at the end. Default: dtap%d, the first number that is free."),
        new("mac", "fixed|ADDRESS",
            "The interface's address; fixed: 00:64:74:61:70:NN, with the device's number. Default: the kernel chooses one."),
        new("persist", "0|1", "1: the interface stays when the switch ends. Default: 0."),
        new("queues", "N", $"Queues of the interface, 1 to {TapDevice.MaxQueues}. Default: 1."),
        new("mtu", "N", "The interface's MTU. Default: as it is; 1500 for a new one."),
        new("offload", "0|1", "0: the host finishes checksums and cuts segments before the switch sees a frame. Default: 1."),
    ];

    /// <inheritdoc/>
    public override PortDevice Create(Vdev vdev, PortContext context) => new TapDevice(vdev, context);
}
