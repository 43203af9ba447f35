using VhostSwitch.Ports.NetPcap.Capture;

namespace VhostSwitch.Ports.NetPcap;

/// <summary>The arguments of a device of <see cref="PcapDriver"/>, checked.</summary>
internal sealed record PcapOptions
{
    /// <summary>Arguments that DPDK has for interfaces in place of files.</summary>
    public static readonly string[] Interfaces = ["rx_iface", "rx_iface_in", "tx_iface", "iface"];

    private const string FormatKey = "format";

    /// <summary>Files to give frames of.</summary>
    public required IReadOnlyList<string> Inputs { get; init; }

    /// <summary>Files to write, with their formats.</summary>
    public required IReadOnlyList<(string Path, CaptureFormat Format)> Outputs { get; init; }

    /// <summary>True to begin anew at the end of a file.</summary>
    public required bool Endless { get; init; }

    /// <summary>How fast to give frames.</summary>
    public required FrameRate Rate { get; init; }

    /// <summary>How many bytes of a frame are written at most.</summary>
    public required uint SnapLength { get; init; }

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="PortException">One does not fit.</exception>
    public static PcapOptions Of(Vdev vdev)
    {
        if (Interfaces.FirstOrDefault(key => vdev.Text(key) is not null) is { } key)
        {
            string name = vdev.Text(key) is { Length: > 0 } text ? text : "IFACE";
            throw vdev.Wrong($"{key} is not built: it works with files; for an interface use --vdev net_af_packet0,iface={name}");
        }
        string[] inputs = [.. vdev.All("rx_pcap")], outputs = [.. vdev.All("tx_pcap")];
        if (inputs.Length + outputs.Length == 0) throw vdev.Wrong("needs rx_pcap=FILE, tx_pcap=FILE or both");
        if (inputs.Concat(outputs).Contains("")) throw vdev.Wrong("rx_pcap and tx_pcap need the name of a file");
        string[] written = [.. outputs.Select(Path.GetFullPath)];
        string? both = written.Intersect(inputs.Select(Path.GetFullPath)).FirstOrDefault();
        if (both is not null) throw vdev.Wrong($"{both} is to be read and written; give tx_pcap another file");
        if (written.Distinct().Count() < written.Length) throw vdev.Wrong("two queues are to write one file; give each tx_pcap a file of its own");
        return new PcapOptions
        {
            Inputs = inputs,
            Outputs = [.. outputs.Select(path => (path, FormatOf(vdev, path)))],
            Endless = vdev.Flag("infinite_rx", false),
            Rate = RateOf(vdev),
            SnapLength = (uint)vdev.Number("snaplen", (int)CaptureReader.MaxFrameLength, 1, (int)CaptureReader.MaxFrameLength),
        };
    }

    private static FrameRate RateOf(Vdev vdev)
    {
        if (vdev.Text("rate") is not { } text) return FrameRate.Unlimited;
        return FrameRate.Parse(text) ?? throw vdev.Wrong(
            $"rate={text} was given; frames a second are allowed, from 1 to {FrameRate.Most}, for example 1000, 100k or 1.5M, or 'original'");
    }

    private static CaptureFormat FormatOf(Vdev vdev, string path) => vdev.Text(FormatKey) switch
    {
        null => path.EndsWith(".pcapng", StringComparison.OrdinalIgnoreCase) ? CaptureFormat.Pcapng : CaptureFormat.Pcap,
        "pcap" => CaptureFormat.Pcap,
        "pcapng" => CaptureFormat.Pcapng,
        var text => throw vdev.Wrong($"{FormatKey}={text} was given, pcap or pcapng is allowed"),
    };
}
