namespace VhostSwitch.Ports.NetPcap;

/// <summary>Devices that give the frames of capture files and write the frames they take to others.</summary>
public sealed class PcapDriver : PortDriver
{
    /// <inheritdoc/>
    public override string Name => "net_pcap";

    /// <inheritdoc/>
    public override string FormerName => "eth_pcap";

    /// <inheritdoc/>
    public override string Summary => "gives the frames of a capture file and writes those it takes to another";

    /// <inheritdoc/>
    public override IReadOnlyList<DriverArgument> Arguments { get; } =
    [
        new("rx_pcap", "FILE", "A pcap or pcapng file whose frames it gives. Given several times: a queue each."),
        new("tx_pcap", "FILE", "A file that the frames it takes are written to; what the file held is lost. Given several times: a queue each."),
        new("infinite_rx", "0|1", "1: begin anew at the end of the file. Default: 0."),
        new("rate", "N", "Frames a second of each queue, for example 100k or 1.5M, or 'original': as captured. Default: as fast as they are taken."),
        new("snaplen", "BYTES", "How much of each frame is written. Default: all."),
        new("format", "pcap|pcapng", "The format that is written. Default: pcapng where the file's name ends in .pcapng, else pcap."),
        .. PcapOptions.Interfaces.Select(key =>
            new DriverArgument(key, "IFACE", "Not built, and refused: net_af_packet gives and takes the frames of an interface.")),
    ];

    /// <inheritdoc/>
    public override PortDevice Create(Vdev vdev, PortContext context) => new PcapDevice(vdev, PcapOptions.Of(vdev), context);
}
