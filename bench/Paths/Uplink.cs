namespace VhostSwitch.Bench.Paths;

/// <summary>Who sends.</summary>
internal enum UplinkWay
{
    /// <summary>The guest, to the uplink.</summary>
    Out,

    /// <summary>The uplink, to the guest.</summary>
    In,

    /// <summary>Two guests, each with an uplink of its own, and the uplinks joined outside.</summary>
    Both,
}

/// <summary>What a switch reaches the world outside its guests by. Names and arguments of its drivers are DPDK's.</summary>
/// <param name="Name">The case's name.</param>
/// <param name="What">What it is, as a line of the report.</param>
/// <param name="Way">Who sends.</param>
/// <param name="Driver">The driver.</param>
/// <param name="Arguments">Of each device.</param>
internal sealed record Uplink(string Name, string What, UplinkWay Way, string Driver, IReadOnlyList<string> Arguments)
{
    /// <summary>The file that <see cref="Capture"/> replays, in the folder of the sample.</summary>
    public const string CaptureFile = "frames.pcap";

    /// <summary>The ends of the wire of <see cref="Wire"/>.</summary>
    public const string FirstEnd = "wire0", SecondEnd = "wire1";

    public static Uplink Null { get; } = new(
        "guest to net_null",
        "net_null takes every frame and forgets it; what arrives there counts. This switch floods the frames, since nobody ever sends from there",
        UplinkWay.Out, "net_null", ["no-rx=1"]);

    public static Uplink Capture { get; } = new(
        "net_pcap to guest",
        "net_pcap replays frames for the guest from memory without end, more than it takes; what it takes counts",
        UplinkWay.In, "net_pcap", [$"rx_pcap={CaptureFile},infinite_rx=1"]);

    public static Uplink Wire { get; } = new(
        "guest to guest over a veth",
        "two guests, each with a net_af_packet of its own, joined by the kernel's veth: each frame passes the switch twice, here on two bridges",
        UplinkWay.Both, "net_af_packet", [$"iface={FirstEnd}", $"iface={SecondEnd}"]);

    public static IReadOnlyList<Uplink> All { get; } = [Null, Capture, Wire];

    /// <summary>How many ports a switch has with it: one of a guest for each.</summary>
    public int Ports => 2 * Arguments.Count;

    /// <summary>A device as <c>--vdev</c> takes it.</summary>
    public string Device(int index) => $"{Driver}{index},{Arguments[index]}";
}
