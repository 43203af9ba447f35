using VhostSwitch.Packets;
using VhostSwitch.Testpmd.Forwarding;

namespace VhostSwitch.Testpmd.Modes;

/// <summary>Sends UDP frames of many flows as fast as the port takes them, and takes and forgets what arrives.</summary>
internal sealed unsafe class FlowGenMode : GeneratingMode
{
    /// <summary>The least length in bytes that <c>--txpkts</c> may have here.</summary>
    public const int LeastLength = UdpFrame.HeaderLength + ChecksumLength;

    private const uint Source = 0x0afe_0000, Destination = 0x0afd_0000;
    private const ushort SourcePort = 1000, DestinationPort = 1001;

    // --txpkts has the length with Ethernet's checksum here, which no port shows.
    private const int ChecksumLength = 4;

    private static readonly MacAddress SourceMac = MacAddress.Parse("00:01:02:03:04:00"), DestinationMac = MacAddress.Parse("00:01:02:03:04:01");

    /// <inheritdoc/>
    public override string Name => "flowgen";

    /// <inheritdoc/>
    public override string Summary => "sends UDP frames of many flows (--flowgen-flows) and forgets what arrives";

    /// <inheritdoc/>
    public override FrameGenerator Generate(FrameStream stream, GeneratorSettings settings) =>
        new([settings.Segments.Sum() - ChecksumLength], settings.GeneratedFlows, (flow, data, length) =>
            UdpFrame.Write(data, length, DestinationMac, SourceMac, Source, Destination + (uint)flow, SourcePort, DestinationPort));

    /// <inheritdoc/>
    public override bool Turn(FrameStream stream, Workspace workspace)
    {
        if (stream.Input is { } input && workspace.Receive(stream, input) > 0) input.Return(workspace.Loan);
        SendBurst(stream, stream.Generator!, workspace);
        return true;
    }
}
