namespace VhostSwitch.Ports.NetAfPacket;

/// <summary>Interfaces of the host by packet sockets: any interface, beside the host's own network stack.</summary>
public sealed class AfPacketDriver : PortDriver
{
    /// <inheritdoc/>
    public override string Name => "net_af_packet";

    /// <inheritdoc/>
    public override string FormerName => "eth_af_packet";

    /// <inheritdoc/>
    public override string QueuesArgument => "qpairs";

    /// <inheritdoc/>
    public override string Summary => "an interface of the host, by packet sockets";

    /// <inheritdoc/>
    public override IReadOnlyList<DriverArgument> Arguments { get; } =
    [
        new("iface", "NAME", "The interface. Must be given."),
        new("qpairs", "N", $"Queue pairs, 1 to {AfPacketDevice.MaxQueuePairs}; frames are distributed among them by fanout_mode. Default: 1."),
        new("fanout_mode", "MODE", $"{string.Join(", ", AfPacketDevice.FanoutNames)}. Default: {AfPacketDevice.FanoutNames[0]}, by flow."),
        new("qdisc_bypass", "0|1", "1: frames are sent past the interface's queueing discipline. Default: 0."),
        new("blocksz", "BYTES",
            $"Memory for received frames is taken in blocks of this length, a multiple of 4096. Default: {AfPacketDevice.DefaultBlockSize}."),
        new("framesz", "BYTES",
            $"Memory for one received frame; a longer one is dropped. Default: {AfPacketDevice.DefaultSlotSize}, which fits the largest segment."),
        new("framecnt", "N", $"Received frames there is memory for, for each queue pair. Default: {AfPacketDevice.DefaultSlotCount}."),
    ];

    /// <inheritdoc/>
    public override PortDevice Create(Vdev vdev, PortContext context) => new AfPacketDevice(vdev, context);
}
