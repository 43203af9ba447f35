using System.Diagnostics;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>The shipped program with its default options.</summary>
/// <param name="name">Its name.</param>
/// <param name="environment">Settings of the runtime, each as NAME=VALUE; null for those it is shipped with.</param>
internal sealed class Ours(string name = Ours.UsualName, IReadOnlyList<string>? environment = null)
    : Contender(name, "this switch: learning bridge, one poll thread, default options", usualPorts: 3)
{
    public const string UsualName = "vhost-switch";

    private SwitchProcess? _process;
    private string? _control;
    private Uplink? _uplink;

    /// <summary>How long it took until its last socket was there.</summary>
    public TimeSpan StartedIn { get; private set; }

    public override int Pid => _process!.Pid;

    public override Transcript? Transcript => _process?.Transcript;

    public override async Task<Inspection> InspectAsync()
    {
        var before = await CyclesAsync();
        await Task.Delay(Look);
        var cycles = await CyclesAsync() - before;
        using var document = await _process!.ShowAsync();
        var thread = document.RootElement.GetProperty("poll_threads")[0];
        long drops = document.RootElement.GetProperty("ports").EnumerateArray().Sum(p => p.GetProperty("drops_total").GetInt64());
        return new Inspection(
            cycles.BusyShare, cycles.CyclesPerFrame, thread.GetProperty("gc_collections").GetInt32(), thread.GetProperty("allocated_bytes").GetInt64(), drops);
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
            Devices = _uplink is null ? [] : [_uplink.Device(0)], MoreOptions = settings.PollsBusy ? ["--poll", "busy"] : [],
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

    private async Task<PmdCycles> CyclesAsync() =>
        PmdCycles.In(await ChildProcess.RunAsync("ovs-appctl", "ovs-appctl", ["-t", _control!, PmdCycles.Command], Limits.Step));
}
