using System.Text.Json;
using System.Text.Json.Serialization;

namespace VhostSwitch.Testpmd.Statistics;

/// <summary>What <c>show port stats</c> shows of a port.</summary>
/// <param name="Port">Its number.</param>
/// <param name="Counters">What it has counted.</param>
/// <param name="RxPps">Frames received a second since the last show.</param>
/// <param name="RxBps">Bits received a second since the last show.</param>
/// <param name="TxPps">Frames sent a second since the last show.</param>
/// <param name="TxBps">Bits sent a second since the last show.</param>
internal sealed record PortStatistics(int Port, PortCounters Counters, ulong RxPps, ulong RxBps, ulong TxPps, ulong TxBps);

/// <summary>What a stream did since <c>start</c>.</summary>
/// <param name="RxPort">Where its frames came from.</param>
/// <param name="TxPort">Where they went.</param>
/// <param name="Queue">The number of both queues.</param>
/// <param name="RxPackets">Frames received.</param>
/// <param name="TxPackets">Frames sent.</param>
/// <param name="TxDropped">Frames that found no room.</param>
internal sealed record StreamStatistics(int RxPort, int TxPort, int Queue, ulong RxPackets, ulong TxPackets, ulong TxDropped);

/// <summary>What was forwarded by a port since <c>start</c>.</summary>
/// <param name="Port">Its number; null for all ports together.</param>
/// <param name="RxPackets">Frames received.</param>
/// <param name="RxDropped">Frames that arrived faster than they were taken.</param>
/// <param name="RxErrors">Frames that were no frames.</param>
/// <param name="TxPackets">Frames sent.</param>
/// <param name="TxDropped">Frames that were not sent.</param>
/// <param name="BadIpChecksum">csum mode: frames with a wrong checksum of IPv4; null in other modes.</param>
/// <param name="BadL4Checksum">csum mode: frames with a wrong checksum of TCP or UDP; null in other modes.</param>
internal sealed record PortForwarding(
    int? Port, ulong RxPackets, ulong RxDropped, ulong RxErrors, ulong TxPackets, ulong TxDropped, ulong? BadIpChecksum, ulong? BadL4Checksum)
{
    /// <summary>Frames received and those that were not taken.</summary>
    public ulong RxTotal => RxPackets + RxDropped;

    /// <summary>Frames sent and those that were not.</summary>
    public ulong TxTotal => TxPackets + TxDropped;
}

/// <summary>What was forwarded since <c>start</c>.</summary>
/// <param name="Streams">By streams.</param>
/// <param name="Ports">By ports.</param>
internal sealed record ForwardStatistics(IReadOnlyList<StreamStatistics> Streams, IReadOnlyList<PortForwarding> Ports)
{
    /// <summary>All ports together.</summary>
    public PortForwarding Total => new(null, Sum(p => p.RxPackets), Sum(p => p.RxDropped), Sum(p => p.RxErrors), Sum(p => p.TxPackets),
        Sum(p => p.TxDropped), null, null);

    private ulong Sum(Func<PortForwarding, ulong> value) => Ports.Aggregate(0UL, (sum, port) => sum + value(port));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PortStatistics))]
[JsonSerializable(typeof(ForwardStatistics))]
internal sealed partial class StatisticsJson : JsonSerializerContext
{
    /// <summary>One line.</summary>
    public static string Line(PortStatistics statistics) => JsonSerializer.Serialize(statistics, Default.PortStatistics);

    /// <summary>One line.</summary>
    public static string Line(ForwardStatistics statistics) => JsonSerializer.Serialize(statistics, Default.ForwardStatistics);
}
