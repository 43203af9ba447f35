using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// The shipped program with its default options. It counts rounds with and without frames, but no cycles: it is busy for its thread's processor time
/// without that of empty rounds, of which one takes as long as when there is hardly a frame.
/// </summary>
/// <param name="name">Its name.</param>
/// <param name="environment">Settings of the runtime, each as NAME=VALUE; null for those it is shipped with.</param>
internal sealed partial class Ours(string name = Ours.UsualName, IReadOnlyList<string>? environment = null)
    : Contender(name, "this switch: learning bridge, one poll thread, default options", usualPorts: 3)
{
    public const string UsualName = "vhost-switch";

    // Enough for the thread not to sleep, and hardly any work.
    private const double CalibrationRate = 100_000;

    private SwitchProcess? _process;
    private string? _control;
    private Rounds _rounds;

    /// <summary>How long it took until its last socket was there.</summary>
    public TimeSpan StartedIn { get; private set; }

    public override int Pid => _process!.Pid;

    public override async Task<Inspection> InspectAsync()
    {
        _rounds = await ObserveAsync();
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
        var hardlyAny = await ObserveAsync();
        double emptyRoundNs = hardlyAny.ThreadNs / Math.Max(1, hardlyAny.Empty);
        return said with { BusyShare = Math.Clamp((_rounds.ThreadNs - (_rounds.Empty * emptyRoundNs)) / _rounds.WallNs, 0, 1) };
    }

    protected override async Task<IReadOnlyList<string>> ServeAsync(TestFolder folder, Settings settings)
    {
        string[] sockets = [.. Enumerable.Range(0, PortsIn(settings)).Select(i => folder.File($"s{i}"))];
        var options = new SwitchOptions
        {
            Sockets = sockets, Cores = $"{SwitchCore}", Mode = "bridge", Mergeable = settings.Mergeable ? true : null,
        };
        _control = folder.File("ctl");
        long start = Stopwatch.GetTimestamp();
        // The program "env" becomes the switch.
        _process = environment is null ? SwitchProcess.Start(folder, options) : SwitchProcess.StartWith(
            folder, [.. environment, Repository.SwitchProgram, .. options.ToArguments(_control)], sockets, _control, program: "env");
        while (!File.Exists(_control) && Stopwatch.GetElapsedTime(start) < Limits.Step) await Task.Delay(1);
        StartedIn = Stopwatch.GetElapsedTime(start);
        await _process.WaitUntilServingAsync();
        return sockets;
    }

    protected override ValueTask EndAsync() => _process?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task<Rounds> ObserveAsync()
    {
        double empty = await CountAsync();
        long start = Stopwatch.GetTimestamp(), thread = ThreadTime();
        await Task.Delay(Look);
        double wall = Stopwatch.GetElapsedTime(start).TotalNanoseconds;
        thread = ThreadTime() - thread;
        return new Rounds(await CountAsync() - empty, thread, wall);
    }

    private long ThreadTime() => ProcessorTime.OfThreads(Pid, "poll-");

    private async Task<double> CountAsync()
    {
        string text = await ChildProcess.RunAsync("ovs-appctl", "ovs-appctl", ["-t", _control!, "dpif-netdev/pmd-stats-show"], Limits.Step);
        return double.Parse(IdleRounds().Match(text).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"idle rounds: (\d+)")]
    private static partial Regex IdleRounds();

    // In some time: rounds without frames, and the processor time of the poll thread.
    private readonly record struct Rounds(double Empty, double ThreadNs, double WallNs);
}
