using System.Net;

namespace VhostSwitch.Testpmd.Modes;

/// <summary>What the frames look like that txonly and flowgen send.</summary>
internal sealed record GeneratorSettings
{
    /// <summary>The default of <see cref="Segments"/>.</summary>
    public const int DefaultLength = 64;

    /// <summary>The lengths in bytes of the pieces of a frame: <c>--txpkts</c>, <c>set txpkts</c>. At least one.</summary>
    public IReadOnlyList<int> Segments { get; init; } = [DefaultLength];

    /// <summary>txonly: the source address; <c>--tx-ip</c>.</summary>
    public IPAddress Source { get; init; } = new([198, 18, 0, 1]);

    /// <summary>txonly: the destination address.</summary>
    public IPAddress Destination { get; init; } = new([198, 18, 0, 2]);

    /// <summary>txonly: the source port; <c>--tx-udp</c>.</summary>
    public ushort SourcePort { get; init; } = 9;

    /// <summary>txonly: the destination port.</summary>
    public ushort DestinationPort { get; init; } = 9;

    /// <summary>txonly: how many source addresses; <c>--txonly-multi-flow</c>, <c>--txonly-flows</c>.</summary>
    public int TransmitFlows { get; init; } = 1;

    /// <summary>flowgen: how many destination addresses; <c>--flowgen-flows</c>.</summary>
    public int GeneratedFlows { get; init; } = 1024;
}
