using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>DPDK's testpmd with net_vhost ports: forwards from one of a pair to the other without looking at a frame.</summary>
internal sealed partial class TestpmdIo() : Contender(UsualName, "DPDK testpmd, net_vhost ports, io forwarding: looks nothing up", usualPorts: 2)
{
    public const string UsualName = "testpmd io";

    // As DPDK is built.
    private const int MostPorts = 32;

    private Testpmd? _testpmd;

    public override int Pid => _testpmd!.Pid;

    public override Transcript? Transcript => _testpmd?.Transcript;

    // It forwards between the two of each pair; the report says how many it had.
    public override int PortsIn(Settings settings) => Math.Min((base.PortsIn(settings) + 1) / 2 * 2, MostPorts);

    // Counting cycles costs some, so it begins now; of the burst that is on its way the beginning is not known, and it counts wrongly.
    public override async Task<Inspection> InspectAsync()
    {
        await _testpmd!.CommandAsync("set record-core-cycles on");
        await Task.Delay(Look);
        var before = await CyclesAsync();
        long start = Stopwatch.GetTimestamp();
        await Task.Delay(Look);
        var after = await CyclesAsync();
        return new Inspection(Math.Clamp((after.Busy - before.Busy) / (Stopwatch.GetElapsedTime(start).TotalSeconds * after.Hertz), 0, 1));
    }

    public override async Task<long> SentToUplinkAsync() =>
        (await _testpmd!.ShowCountersAsync()).Where(port => port.Port % 2 == 1).Sum(port => port.SentFrames);

    protected override async Task<IReadOnlyList<string>> ServeAsync(TestFolder folder, Settings settings)
    {
        var uplink = settings.Uplink;
        string[] sockets = [.. Enumerable.Range(0, uplink?.Arguments.Count ?? PortsIn(settings)).Select(i => folder.File($"s{i}"))];
        var guests = sockets.Select(socket => (TestpmdPort)new NetVhostPort(socket) { Segmentation = settings.Frames.Segments });
        _testpmd = Testpmd.Start(folder, new TestpmdOptions
        {
            Title = "testpmd io",
            Core = SwitchCore,
            ForwardMode = "io",
            HugePages = true,
            Namespace = Place,
            Ports = [.. uplink is null ? guests : guests.Zip(uplink.Arguments, PairOf).SelectMany(pair => pair)],
        });
        await _testpmd.WaitUntilReadyAsync();
        await _testpmd.StartForwardingAsync();
        return sockets;

        // It forwards between a guest and its uplink.
        TestpmdPort[] PairOf(TestpmdPort guest, string arguments) => [guest, new OwnPort(uplink.Driver, $",{arguments}")];
    }

    protected override ValueTask EndAsync() => _testpmd?.DisposeAsync() ?? ValueTask.CompletedTask;

    // Of rounds with frames only. Nothing is shown while there are none.
    private async Task<(double Busy, double Hertz)> CyclesAsync()
    {
        var match = CyclesLine().Match(string.Join('\n', await _testpmd!.CommandAsync("show fwd stats all")));
        return match.Success ? (Number(1), Number(2) * 1e6) : (0, 1);

        double Number(int group) => double.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"total cycles=(\d+) .* at (\d+) MHz")]
    private static partial Regex CyclesLine();
}
