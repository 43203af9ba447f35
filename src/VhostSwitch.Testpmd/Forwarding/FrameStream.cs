using System.Runtime.InteropServices;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Testpmd.Forwarding;

/// <summary>What one forwarding thread does between two queues: frames of a receive queue leave by a transmit queue.</summary>
/// <param name="rxPort">The port frames come from.</param>
/// <param name="txPort">The port they leave by.</param>
/// <param name="queue">The number of both queues.</param>
internal sealed class FrameStream(ForwardingPort rxPort, ForwardingPort txPort, int queue) : IDisposable
{
    private InputQueue? _input;
    private OutputQueue? _output;

    /// <summary>The port frames come from.</summary>
    public ForwardingPort RxPort { get; } = rxPort;

    /// <summary>The port they leave by.</summary>
    public ForwardingPort TxPort { get; } = txPort;

    /// <summary>The number of both queues.</summary>
    public int Queue { get; } = queue;

    /// <summary>The queue to receive from; null while there is none. Published by the control thread.</summary>
    public InputQueue? Input => Volatile.Read(ref _input);

    /// <summary>The queue to send by; null while there is none. Published by the control thread.</summary>
    public OutputQueue? Output => Volatile.Read(ref _output);

    /// <summary>The frames that the stream generates; null in modes that generate none.</summary>
    public FrameGenerator? Generator { get; set; }

    /// <summary>The frames it sends before it begins: <c>tx_first</c>; null without.</summary>
    public FrameGenerator? First { get; set; }

    /// <summary>Written by the forwarding thread, read by anyone.</summary>
    public StreamCounters Counters;

    /// <summary>Takes over which queues its ports have now. The threads must pass before what they had is freed.</summary>
    public void FindQueues()
    {
        InputQueue? input = null;
        foreach (var candidate in RxPort.Port.Inputs)
        {
            if (candidate.Index == Queue) input = candidate;
        }
        OutputQueue? output = null;
        foreach (var candidate in TxPort.Port.Outputs)
        {
            if (candidate.Index == Queue) output = candidate;
        }
        Volatile.Write(ref _input, input);
        Volatile.Write(ref _output, output);
    }

    /// <summary>Frees the generated frames. The counters stay.</summary>
    public void Dispose()
    {
        Generator?.Dispose();
        First?.Dispose();
        Generator = First = null;
    }
}

/// <summary>A port as streams know it: what does not change while frames are forwarded.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Port">Its queues.</param>
/// <param name="Address">Its own address.</param>
/// <param name="Peer">The address of whoever is behind it.</param>
/// <param name="Checksums">What csum mode does with frames that leave by it.</param>
internal sealed record ForwardingPort(int Id, Port Port, MacAddress Address, MacAddress Peer, ChecksumSettings Checksums);

/// <summary>What csum mode does: <c>csum set</c>, <c>tso set</c>, <c>port config N rx_offload</c>.</summary>
internal sealed record ChecksumSettings
{
    /// <summary>True to leave TCP checksums to the port that sends.</summary>
    public bool TcpByPort { get; init; }

    /// <summary>True to leave UDP checksums to the port that sends.</summary>
    public bool UdpByPort { get; init; }

    /// <summary>The payload of a TCP segment in bytes that the port that sends is to cut; 0 to cut nothing.</summary>
    public ushort SegmentSize { get; init; }

    /// <summary>True to give frames the addresses of the port that sends and of its peer.</summary>
    public bool RewritesAddresses { get; init; } = true;

    /// <summary>True to check the checksums of IPv4 headers that arrive by the port.</summary>
    public bool ChecksNetwork { get; init; }

    /// <summary>True to check the TCP checksums of what arrives by the port.</summary>
    public bool ChecksTcp { get; init; }

    /// <summary>True to check the UDP checksums of what arrives by the port.</summary>
    public bool ChecksUdp { get; init; }
}

/// <summary>The counters of a stream, in cache lines of their own.</summary>
[StructLayout(LayoutKind.Sequential, Size = 192)]
internal struct StreamCounters
{
    // So that no counter shares a line with what lies before the structure.
    private readonly Line _before;

    /// <summary>Frames received.</summary>
    public ulong Received;

    /// <summary>Frames sent.</summary>
    public ulong Sent;

    /// <summary>Frames that the transmit queue had no room for, after the retries, or that found none.</summary>
    public ulong Dropped;

    /// <summary>csum mode: frames that arrived with a wrong checksum of IPv4.</summary>
    public ulong BadNetwork;

    /// <summary>csum mode: frames that arrived with a wrong checksum of TCP or UDP.</summary>
    public ulong BadTransport;

    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private readonly struct Line;
}
