using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Bench.Paths;

/// <summary>The shipped program with its default options.</summary>
internal sealed class Ours(string name = Ours.UsualName)
    : Contender(name, "this switch: learning bridge, one poll thread, default options", usualPorts: 3)
{
    public const string UsualName = "vhost-switch";

    private SwitchProcess? _process;
    private string? _control;

    public override int Pid => _process!.Pid;

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

    private async Task<PmdCycles> CyclesAsync() =>
        PmdCycles.In(await ChildProcess.RunAsync("ovs-appctl", "ovs-appctl", ["-t", _control!, PmdCycles.Command], Limits.Step));
}
