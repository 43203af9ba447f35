using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>
/// The shipped program with its default options. It counts rounds with and without frames, but no cycles: it is busy for its thread's processor time
/// without that of empty rounds, of which one takes as long as when there is hardly a frame.
/// </summary>
internal sealed partial class Ours(string name = Ours.UsualName)
    : Contender(name, "this switch: learning bridge, one poll thread, default options", usualPorts: 3)
{
    public const string UsualName = "vhost-switch";

    // Enough for the thread not to sleep, and hardly any work.
    private const double CalibrationRate = 100_000;

    private SwitchProcess? _process;
    private string? _control;
    private Uplink? _uplink;
    private Rounds _rounds;

    public override int Pid => _process!.Pid;

    public override Transcript? Transcript => _process?.Transcript;

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
        using var load = await LoadHardlyAsync(sockets, settings with { Frames = FrameMix.Of(64), Addresses = 1 });
        await Task.Delay(Look);
        var hardlyAny = await ObserveAsync();
        double emptyRoundNs = hardlyAny.ThreadNs / Math.Max(1, hardlyAny.Empty);
        return said with { BusyShare = Math.Clamp((_rounds.ThreadNs - (_rounds.Empty * emptyRoundNs)) / _rounds.WallNs, 0, 1) };
    }

    public override async Task<long> SentToUplinkAsync() =>
        (await _process!.StatusAsync()).Wire($"{_uplink!.Driver}0").FramesOut;

    protected override async Task<IReadOnlyList<string>> ServeAsync(TestFolder folder, Settings settings)
    {
        _uplink = settings.Uplink;
        _control = folder.File("ctl");
        if (_uplink is { Way: UplinkWay.Both }) return await ServeBridgesAsync(folder, _uplink);
        string[] sockets = [.. Enumerable.Range(0, _uplink?.Arguments.Count ?? PortsIn(settings)).Select(i => folder.File($"s{i}"))];
        var options = new SwitchOptions
        {
            Sockets = sockets, Cores = $"{SwitchCore}", Mode = "bridge", Mergeable = settings.Mergeable ? true : null,
            TxChecksum = settings.Frames.Segments ? true : null, Tso = settings.Frames.Segments ? true : null,
            Devices = _uplink is null ? [] : [_uplink.Device(0)],
        };
        _process = SwitchProcess.Start(folder, options);
        await _process.WaitUntilServingAsync();
        return sockets;
    }

    protected override ValueTask EndAsync() => _process?.DisposeAsync() ?? ValueTask.CompletedTask;

    // A bridge for each guest and its uplink.
    private async Task<IReadOnlyList<string>> ServeBridgesAsync(TestFolder folder, Uplink uplink)
    {
        string[] names = [.. uplink.Arguments.Select((_, i) => $"s{i}")];
        string[] sockets = [.. names.Select(folder.File)];
        var bridges = names.Select((name, i) => $$"""
            { "name": "bridge{{i}}", "ports": [
              { "name": "{{name}}", "type": "dpdkvhostuser" },
              { "name": "uplink{{i}}", "type": "dpdk", "options": { "dpdk-devargs": "{{uplink.Device(i)}}" } } ] }
            """);
        string configuration = folder.File("config.json");
        await File.WriteAllTextAsync(configuration, $$"""{ "bridges": [{{string.Join(',', bridges)}}] }""");
        string[] arguments = ["-l", $"{SwitchCore}", "--", "--config", configuration, "--ctl-socket", _control!];
        _process = SwitchProcess.StartWith(folder, arguments, sockets, _control, Place);
        await _process.WaitUntilServingAsync();
        return sockets;
    }

    private async Task<IDisposable> LoadHardlyAsync((string First, string Second) sockets, Settings settings)
    {
        // An uplink that sends does so as before; the thread has no empty rounds.
        if (_uplink is { Way: not UplinkWay.Both }) return new LoneGuest(sockets.First, settings, _uplink.Way == UplinkWay.Out, CalibrationRate);
        var pair = await LeanPair.StartAsync(sockets, settings, Load.LoadCore);
        await pair.SendAsync(new Traffic(CalibrationRate));
        return pair;
    }

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
