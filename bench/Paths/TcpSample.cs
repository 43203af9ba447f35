namespace VhostSwitch.Bench.Paths;

/// <summary>One transfer between two guests over one path.</summary>
/// <param name="Contender">The path's name.</param>
/// <param name="Round">Samples of a round follow each other directly.</param>
/// <param name="Bytes">The payload, in bytes.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="SwitchNs">Processor time of the switch, without rounds of a polling thread that found nothing; nanoseconds.</param>
/// <param name="WholeSwitchNs">Processor time of the switch's process, all of it.</param>
/// <param name="EmulatorNs">Processor time of both guests' QEMU without the threads that are the guests' processors.</param>
/// <param name="SoftInterruptNs">Processor time of the kernel's threads for network work, of the whole machine: not counted.</param>
/// <param name="FrameBytes">The mean length of the frames that carried the payload, as the receiving guest counts them.</param>
/// <param name="Retransmitted">Segments that the sending guest sent again.</param>
/// <param name="BeforeNs">Core-to-core time one way before the sample, in nanoseconds.</param>
/// <param name="AfterNs">The same after it.</param>
internal sealed record TcpSample(
    string Contender, int Round, long Bytes, double Seconds, double SwitchNs, double WholeSwitchNs, double EmulatorNs, double SoftInterruptNs,
    double FrameBytes, long Retransmitted, double BeforeNs, double AfterNs) : ISample
{
    /// <inheritdoc/>
    public Placement Place => Placements.Of(BeforeNs, AfterNs);

    /// <summary>Nanoseconds of processor time outside the guests' processors for each byte of payload.</summary>
    public double NsPerByte => (SwitchNs + EmulatorNs) / Bytes;

    /// <summary>The switch's part of that; 0 where there is no switch process.</summary>
    public double SwitchNsPerByte => SwitchNs / Bytes;

    /// <summary>The same with all of the switch's process.</summary>
    public double WholeSwitchNsPerByte => WholeSwitchNs / Bytes;

    /// <summary>Payload in gigabits a second.</summary>
    public double Gbps => Bytes * 8 / Seconds / 1e9;
}
