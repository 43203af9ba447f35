using System.Globalization;
using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// The shipped program with its default options. It counts rounds with and without frames, but no cycles: of its time it is idle as much as its empty
/// rounds are of those that it makes in the same processor time when there is hardly a frame.
/// </summary>
internal sealed partial class Ours(string name = Ours.UsualName)
    : Contender(name, "this switch: learning bridge, one poll thread, default options", usualPorts: 3)
{
    public const string UsualName = "vhost-switch";

    // Enough for the thread not to sleep, and hardly any work.
    private const double CalibrationRate = 100_000;

    private SwitchProcess? _process;
    private string? _control;
    private double _emptyRounds;

    public override int Pid => _process!.Pid;

    public override async Task<Inspection> InspectAsync()
    {
        _emptyRounds = await EmptyRoundsAsync();
        using var document = await _process!.ShowAsync();
        var thread = document.RootElement.GetProperty("poll_threads")[0];
        long drops = document.RootElement.GetProperty("ports").EnumerateArray().Sum(p => p.GetProperty("drops_total").GetInt64());
        return new Inspection(double.NaN, thread.GetProperty("gc_collections").GetInt32(), thread.GetProperty("allocated_bytes").GetInt64(), drops);
    }

    public override async Task<Inspection> CompleteAsync(Inspection said, (string First, string Second) sockets, Settings settings)
    {
        using var pair = await LeanPair.StartAsync(sockets, settings with { Frames = FrameMix.Of(64), Addresses = 1 }, Load.LoadCore);
        await pair.SendAsync(new Traffic(CalibrationRate));
        await Task.Delay(Look);
        double most = await EmptyRoundsAsync();
        return said with { BusyShare = Math.Max(0, 1 - (_emptyRounds / Math.Max(1, most))) };
    }

    protected override async Task<IReadOnlyList<string>> ServeAsync(TestFolder folder, Settings settings)
    {
        string[] sockets = [.. Enumerable.Range(0, PortsIn(settings)).Select(i => folder.File($"s{i}"))];
        var options = new SwitchOptions
        {
            Sockets = sockets, Cores = $"{SwitchCore}", Mode = "bridge", Mergeable = settings.Mergeable ? true : null,
        };
        _process = SwitchProcess.Start(folder, options);
        _control = folder.File("ctl");
        await _process.WaitUntilServingAsync();
        return sockets;
    }

    protected override ValueTask EndAsync() => _process?.DisposeAsync() ?? ValueTask.CompletedTask;

    // A second of its processor time, since others may have had the core meanwhile.
    private async Task<double> EmptyRoundsAsync()
    {
        double before = await CountAsync();
        long start = ProcessorTime.OfProcess(Pid);
        await Task.Delay(Look);
        double after = await CountAsync();
        return (after - before) * 1e9 / (ProcessorTime.OfProcess(Pid) - start);
    }

    private async Task<double> CountAsync()
    {
        string text = await ChildProcess.RunAsync("ovs-appctl", "ovs-appctl", ["-t", _control!, "dpif-netdev/pmd-stats-show"], Limits.Step);
        return double.Parse(IdleRounds().Match(text).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"idle rounds: (\d+)")]
    private static partial Regex IdleRounds();
}
