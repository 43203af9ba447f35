using VhostSwitch.Testpmd.CommandLine;
using VhostSwitch.Testpmd.Ports;

namespace VhostSwitch.Testpmd.Prompt;

/// <summary><c>csum</c> and <c>tso</c>.</summary>
/// <param name="session">What they act on.</param>
internal sealed class ChecksumCommands(Session session)
{
    private const string Section = "csum";

    // What a segment may hold, so that it is no longer than IP allows; the least is the finisher's.
    private const int LeastSegment = Dataplane.OffloadFinisher.MinSegmentSize, MostSegment = 65000;

    private TextWriter Output => session.Output;

    /// <summary>Adds the commands to a table.</summary>
    /// <param name="table">The table.</param>
    public void AddTo(List<PromptCommand> table)
    {
        table.Add(new(Section, "csum show PORT", "who computes which checksum in csum mode", words => Show(PortChoice.One(session, words[0]))));
        table.Add(new(Section, "csum set ip|udp|tcp|sctp|outer-ip|outer-udp hw|sw PORT", "hw: left to the port that sends; sw: computed here", Set));
        table.Add(new(Section, "csum mac-swap on|off PORT", "on: frames get the addresses of the port that sends and of its peer", SetAddresses));
        table.Add(new(Section, "csum parse-tunnel on|off PORT", "off; on is not built", SetTunnel));
        table.Add(new(Section, "tso set BYTES PORT", "the payload of the segments that csum mode has cut; 0: none", SetSegments));
        table.Add(new(Section, "tso show PORT", "the same", words => ShowSegments(PortChoice.One(session, words[0]))));
    }

    private void Set(string[] words)
    {
        var port = PortChoice.One(session, words[2]);
        bool byPort = words[1] == "hw";
        ulong bit = words[0] switch
        {
            "ip" => OffloadBits.TxIpChecksum,
            "udp" => OffloadBits.TxUdpChecksum,
            "tcp" => OffloadBits.TxTcpChecksum,
            _ => 0,
        };
        if (byPort && bit == 0)
            throw new TestpmdException($"{words[0]} checksum offload is not supported by port {port.Id}: it is not computed here either");
        RefuseWhileForwarding();
        port.TxOffloads = byPort ? port.TxOffloads | bit : port.TxOffloads & ~bit;
        Show(port);
    }

    private void SetAddresses(string[] words)
    {
        var port = PortChoice.One(session, words[1]);
        RefuseWhileForwarding();
        port.SwapsAddresses = Numbers.IsOn(words[0]);
    }

    private void SetTunnel(string[] words)
    {
        _ = PortChoice.One(session, words[1]);
        if (Numbers.IsOn(words[0]))
            throw new TestpmdException("csum parse-tunnel on is not built: checksums of what a tunnel carries stay as they are");
    }

    private void SetSegments(string[] words)
    {
        var port = PortChoice.One(session, words[1]);
        RefuseWhileForwarding();
        int size = Numbers.Read(words[0], "tso segment size", 0, MostSegment);
        if (size is > 0 and < LeastSegment) throw new TestpmdException($"tso segment size should be 0 or >= {LeastSegment}: '{size}' was given");
        port.SegmentSize = (ushort)size;
        ShowSegments(port);
    }

    private void Show(TestPort port)
    {
        Output.WriteLine("Parse tunnel is off");
        Line("IP", OffloadBits.TxIpChecksum);
        Line("UDP", OffloadBits.TxUdpChecksum);
        Line("TCP", OffloadBits.TxTcpChecksum);
        Line("SCTP", 0);
        Line("Outer-Ip", 0);
        Line("Outer-Udp", 0);

        void Line(string name, ulong bit) => Output.WriteLine($"{name} checksum offload is {((port.TxOffloads & bit) != 0 ? "hw" : "sw")}");
    }

    private void ShowSegments(TestPort port) => Output.WriteLine(port.SegmentSize == 0
        ? "TSO for non-tunneled packets is disabled"
        : $"TSO segment size for non-tunneled packets is {port.SegmentSize}");

    private void RefuseWhileForwarding()
    {
        if (session.IsForwarding) throw new TestpmdException("Please stop forwarding first");
    }
}
