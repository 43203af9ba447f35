using System.Buffers.Binary;
using System.Net;
using VhostSwitch.Testpmd.Forwarding;

namespace VhostSwitch.Testpmd.Modes;

/// <summary>Sends UDP frames as fast as the port takes them, and receives nothing.</summary>
internal sealed unsafe class TxOnlyMode : GeneratingMode
{
    /// <inheritdoc/>
    public override string Name => "txonly";

    /// <inheritdoc/>
    public override string Summary => "sends UDP frames of its own (--txpkts, --tx-ip, --tx-udp) and receives nothing";

    /// <inheritdoc/>
    public override FrameGenerator Generate(FrameStream stream, GeneratorSettings settings)
    {
        uint source = Number(settings.Source), destination = Number(settings.Destination);
        var port = stream.TxPort;
        return new FrameGenerator([.. settings.Segments], settings.TransmitFlows, (flow, data, length) =>
            UdpFrame.Write(data, length, port.Peer, port.Address, AddressOf(source, flow, settings.TransmitFlows), destination,
                settings.SourcePort, settings.DestinationPort));
    }

    /// <inheritdoc/>
    public override bool Turn(FrameStream stream, Workspace workspace)
    {
        SendBurst(stream, stream.Generator!, workspace);
        return true;
    }

    // With several flows the lowest byte of the address counts, and what does not fit into it goes on above.
    private static uint AddressOf(uint source, int flow, int flows) => flows == 1 ? source : (source & ~0xffu) + (uint)flow;

    private static uint Number(IPAddress address) => BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());
}
